// The fields of a session for the form, from docs/openapi.json: the same schema as the custom resource's.
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** Fields that a form cannot change, or that only a program sets. */
const LEFT_OUT = new Set(["desiredState", "commit", "dirty"]);
const LIMITS = ["minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength", "pattern"];

/** An esbuild plug-in: `import fields from "schema:session"`. */
export function sessionSchema(here) {
  return {
    name: "session-schema",
    setup(build) {
      build.onResolve({ filter: /^schema:session$/ }, () => ({ path: "session", namespace: "schema" }));
      build.onLoad({ filter: /.*/, namespace: "schema" }, async () => {
        const document = JSON.parse(await readFile(join(here, "../docs/openapi.json"), "utf8"));
        const schemas = document.components.schemas;
        return { contents: JSON.stringify(fields(schemas.StartRequest, schemas)), loader: "json" };
      });
    },
  };
}

function fields(schema, schemas) {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties)
    .filter(([name]) => !LEFT_OUT.has(name))
    .map(([name, property]) => ({ name, required: required.has(name), ...field(property, schemas) }));
}

function field(given, schemas) {
  const about = sentence(given.description ?? "");
  const choices = (given.anyOf ?? [given]).filter((each) => each.type !== "null");
  const schema = resolved(choices.length === 1 ? { ...given, ...choices[0] } : given, schemas);
  const known = given.default ?? schema.default;
  const shown = known === null || typeof known === "object" ? undefined : known;
  return { about: about || sentence(schema.description ?? ""), default: shown, ...kind(schema, choices, schemas) };
}

function kind(schema, choices, schemas) {
  const limits = Object.fromEntries(LIMITS.filter((name) => name in schema).map((name) => [name, schema[name]]));
  if (schema["x-kubernetes-int-or-string"] || choices.length > 1) return { kind: "text" };
  if (schema.enum) return { kind: "choice", choices: schema.enum };
  if (schema.type === "object") return { kind: "object", fields: fields(schema, schemas) };
  if (schema.type === "array") {
    const item = field(schema.items, schemas);
    return item.kind === "object" ? { kind: "rows", fields: item.fields } : { kind: "list", item: item.kind };
  }
  const names = { integer: "integer", number: "number", boolean: "boolean", string: "text" };
  if (!(schema.type in names)) throw new Error(`the form knows no field of type ${schema.type}`);
  return { kind: names[schema.type], ...limits };
}

function resolved(schema, schemas) {
  return schema.$ref ? { ...schema, ...schemas[schema.$ref.split("/").at(-1)] } : schema;
}

/** What a reader of a form needs: without the note that all fields have, on one line. */
function sentence(text) {
  return text.replace(/\s+/g, " ").replace(/ Immutable\.$/, "").trim();
}
