// Calls functions of the web page's pure modules: lines of JSON in, lines of JSON out.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const web = process.argv[2];
const require = createRequire(join(web, "package.json"));
const { build } = await import(pathToFileURL(require.resolve("esbuild")));
const { sessionSchema } = await import(pathToFileURL(join(web, "session_schema.mjs")));
const MODULES = [
  "text/audit", "text/bytes", "text/checkpoints", "text/curves", "text/form", "text/grid", "text/limits", "text/loglines", "text/machines", "text/parameters",
  "text/rows", "text/rules", "text/runs", "text/scales", "text/shares", "text/spark", "text/steps", "text/svg", "text/table", "text/timeline", "text/usage", "text/visible", "text/words", "text/yaml", "pages/listing", "state/version",
];
const contents = [
  ...MODULES.map((name, n) => `export * as m${n} from "./src/${name}";`),
  'export { default as schema } from "schema:session";',
].join("\n");
const made = await build({
  stdin: { contents, resolveDir: web, loader: "ts" },
  bundle: true, format: "esm", write: false, plugins: [sessionSchema(web)], logLevel: "error",
});
const code = Buffer.from(made.outputFiles[0].contents).toString("base64");
const all = await import(`data:text/javascript;base64,${code}`);

for await (const line of createInterface({ input: process.stdin })) {
  const [module, name, given] = JSON.parse(line);
  const found = module === "schema" ? all.schema : all[`m${MODULES.indexOf(module)}`][name](...given);
  // JSON has neither; the tests read what a chart leaves open.
  const plain = (_, value) => (value instanceof Map ? [...value] : value === undefined ? "undefined" : value);
  process.stdout.write(`${JSON.stringify(found, plain)}\n`);
}
