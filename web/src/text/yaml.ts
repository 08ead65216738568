// A session as YAML, for `kubectl apply`. Texts that YAML could read otherwise are quoted as JSON, which is YAML.
import { HIDDEN } from "./visible";

/** YAML of a plain value. Pure. */
export function yaml(value: unknown, indent = ""): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return " []\n";
    // The first field of an object stands behind the dash.
    const items = value.map((item) => `${indent}-${after(item, `${indent}  `).replace(/^\n +/, " ")}`);
    return `\n${items.join("")}`;
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, field]) => field !== undefined);
    if (entries.length === 0) return " {}\n";
    const fields = entries.map(([name, field]) => `${indent}${key(name)}:${after(field, `${indent}  `)}`);
    return `\n${fields.join("")}`;
  }
  return ` ${typeof value === "string" && isPlain(value) ? value : escaped(JSON.stringify(value))}\n`;
}

/** JSON with hidden characters as the escapes of YAML, which mean the same. */
function escaped(json: string): string {
  return json.replace(HIDDEN, (found) => {
    const code = (found.codePointAt(0) ?? 0).toString(16);
    return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\U${code.padStart(8, "0")}`;
  });
}

/** Whether YAML reads a text without quotes as that text. */
function isPlain(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9_./-]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text);
}

function after(value: unknown, indent: string): string {
  return yaml(value, indent);
}

function key(name: string): string {
  return /^[A-Za-z][A-Za-z0-9_]*$/.test(name) && isPlain(name) ? name : escaped(JSON.stringify(name));
}

/** The manifest of a session. */
export function manifest(name: string, spec: unknown): string {
  const whole = {
    apiVersion: "trainyard.io/v1alpha1",
    kind: "TrainingSession",
    metadata: { name },
    spec,
  };
  return yaml(whole).trimStart();
}
