// Bundles the page into the gateway's package. `node build.mjs --check` fails where the files there differ.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { sessionSchema } from "./session_schema.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const folder = join(here, "../gateway/src/trainyard_gateway/static");
const INCLUDED = ["preact", "@preact/signals", "@preact/signals-core", "uplot"];

async function bundled() {
  const made = await build({
    absWorkingDir: here,
    entryPoints: ["src/main.tsx"],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    legalComments: "none",
    plugins: [sessionSchema(here)],
    entryNames: "assets/[name]-[hash]",
    outdir: ".",
    write: false,
    logLevel: "warning",
  });
  const files = new Map(
    made.outputFiles.map((file) => [file.path.slice(file.path.indexOf("assets/")), file.contents]),
  );
  const icon = await readFile(join(here, "src/icon.svg"));
  const iconName = `assets/icon-${createHash("sha256").update(icon).digest("hex").slice(0, 8)}.svg`;
  files.set(iconName, icon);
  files.set("assets/licenses.txt", Buffer.from(await licenses()));
  const name = (ending) => [...files.keys()].find((key) => key.endsWith(ending));
  const page = (await readFile(join(here, "src/index.html"), "utf8"))
    .replace("{icon}", `/${iconName}`)
    .replace("{script}", `/${name(".js")}`)
    .replace("{style}", `/${name(".css")}`);
  files.set("index.html", Buffer.from(page));
  return files;
}

async function licenses() {
  const texts = [];
  for (const name of INCLUDED) {
    const text = await readFile(join(here, "node_modules", name, "LICENSE"), "utf8");
    texts.push(`${name}\n\n${text.trim()}\n`);
  }
  return texts.join("\n\n");
}

async function present() {
  const names = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = names.filter((entry) => entry.isFile());
  return new Set(files.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)));
}

async function differences(files) {
  const there = await present();
  const wrong = [...there].filter((name) => !files.has(name));
  for (const [name, content] of files) {
    const found = there.has(name) ? await readFile(join(folder, name)) : null;
    if (found === null || !found.equals(Buffer.from(content))) wrong.push(name);
  }
  return wrong;
}

const files = await bundled();
if (process.argv.includes("--check")) {
  const wrong = await differences(files);
  if (wrong.length > 0) {
    console.error(`not as web/ builds them: ${wrong.join(", ")}; run \`make manifests\``);
    process.exit(1);
  }
} else {
  await rm(folder, { recursive: true, force: true });
  for (const [name, content] of files) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
}
