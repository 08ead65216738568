// Form fields of a schema. What is wrong with a field, as the gateway says it, stands below it.
import type { Field } from "schema:session";
import type { Typed, Values } from "../text/form";
import { visible } from "../text/visible";

interface Shown {
  field: Field;
  path: string;
  value: Typed | undefined;
  /** By path, such as `training.epochs`. */
  problems: ReadonlyMap<string, string>;
  put: (value: Typed) => void;
  /** Names to choose from. */
  known?: string[] | undefined;
}

interface All {
  fields: Field[];
  path: string;
  values: Values;
  problems: ReadonlyMap<string, string>;
  put: (values: Values) => void;
  known?: Record<string, string[]>;
}

export function Fields({ fields, path, values, problems, put, known = {} }: All) {
  return (
    <>
      {fields.map((field) => (
        <OneField
          key={field.name}
          field={field}
          path={path ? `${path}.${field.name}` : field.name}
          value={values[field.name]}
          problems={problems}
          put={(value) => put({ ...values, [field.name]: value })}
          known={known[field.name]}
        />
      ))}
    </>
  );
}

function OneField(shown: Shown) {
  const { field, path, value, problems, put } = shown;
  if (field.kind === "object") {
    const values = (value ?? {}) as Values;
    return (
      <fieldset>
        <legend>{field.name}</legend>
        <p class="about">{field.about}</p>
        <Problem path={path} problems={problems} />
        <Fields fields={field.fields ?? []} path={path} values={values} problems={problems} put={put} />
      </fieldset>
    );
  }
  if (field.kind === "rows") return <Rows {...shown} />;
  return <Plain {...shown} />;
}

function Rows({ field, path, value, problems, put }: Shown) {
  const rows = (value ?? []) as Values[];
  return (
    <fieldset>
      <legend>{field.name}</legend>
      <p class="about">{field.about}</p>
      <Problem path={path} problems={problems} />
      {rows.map((row, n) => (
        <div class="row" role="group" aria-label={`${field.name} ${n + 1}`} key={n}>
          <Fields
            fields={field.fields ?? []}
            path={`${path}.${n}`}
            values={row}
            problems={problems}
            put={(changed) => put(rows.map((each, m) => (m === n ? changed : each)))}
          />
          <button type="button" onClick={() => put(rows.filter((_, m) => m !== n))}>
            {`Remove ${field.name} ${n + 1}`}
          </button>
        </div>
      ))}
      <button type="button" onClick={() => put([...rows, {}])}>
        {`Add ${field.name}`}
      </button>
    </fieldset>
  );
}

function Plain({ field, path, value, problems, put, known }: Shown) {
  const id = `field-${path.replaceAll(".", "-")}`;
  const text = typeof value === "string" ? value : "";
  const wrong = problems.has(path);
  const common = {
    id,
    "aria-describedby": `${id}-about`,
    "aria-invalid": wrong,
    value: text,
    onInput: (event: { currentTarget: { value: string } }) => put(event.currentTarget.value),
  };
  const fallback = field.default === undefined || field.default === "" ? "" : String(field.default);
  return (
    <div class="field">
      <label for={id}>
        {field.name}
        {field.required && " (required)"}
      </label>
      {input()}
      {known && (
        <datalist id={`${id}-known`}>
          {known.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
      <p class="about" id={`${id}-about`}>
        {field.about}
        {fallback && ` Default: ${fallback}.`}
        {field.name === "command" ? " Quotes keep words together; there is no shell." : field.kind === "list" ? " One on each line." : ""}
      </p>
      <Problem path={path} problems={problems} />
    </div>
  );

  function input() {
    if (field.kind === "choice" || field.kind === "boolean") {
      const choices = field.kind === "boolean" ? ["true", "false"] : (field.choices ?? []);
      return (
        <select {...common}>
          <option value="">{fallback ? `default (${fallback})` : field.required ? "choose …" : "default"}</option>
          {choices.map((each) => (
            <option key={each} value={each} selected={each === text}>
              {each}
            </option>
          ))}
        </select>
      );
    }
    if (field.kind === "list") return <textarea rows={field.name === "command" ? 2 : 3} spellcheck={false} {...common} />;
    const numeric = field.kind === "integer" || field.kind === "number";
    return (
      <input
        type="text"
        inputMode={field.kind === "integer" ? "numeric" : numeric ? "decimal" : "text"}
        placeholder={fallback}
        spellcheck={false}
        autocomplete="off"
        {...(known ? { list: `${id}-known` } : {})}
        {...common}
      />
    );
  }
}

/** What is wrong with a field, or with its rows and items. */
function Problem({ path, problems }: { path: string; problems: ReadonlyMap<string, string> }) {
  const said = problems.get(path);
  return said ? (
    <p class="problem" role="alert">
      {visible(said)}
    </p>
  ) : null;
}
