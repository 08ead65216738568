// What session_schema.mjs makes of docs/openapi.json.
declare module "schema:session" {
  export interface Field {
    name: string;
    required: boolean;
    about: string;
    default?: string | number | boolean;
    kind: "text" | "integer" | "number" | "boolean" | "choice" | "list" | "rows" | "object";
    choices?: string[];
    item?: string;
    fields?: Field[];
    minimum?: number;
    maximum?: number;
    exclusiveMinimum?: number;
    minLength?: number;
    maxLength?: number;
    pattern?: string;
  }
  const fields: Field[];
  export default fields;
}
