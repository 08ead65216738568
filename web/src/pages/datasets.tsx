// Datasets: how each is read, its first rows, and uploads by dropping a file.
import { useEffect, useState } from "preact/hooks";
import type { components } from "../../build/schema";
import { send, sentence } from "../api/client";
import { Listing, Name } from "../parts/listing";
import { may } from "../state/login";
import { useList, useRead } from "../state/reading";
import { datasetName, upload, uploads } from "../state/uploads";
import { size } from "../text/bytes";
import { firstRows, type Dialect } from "../text/table";
import { clock, count } from "../text/words";
import { visible } from "../text/visible";

type DatasetEntry = components["schemas"]["DatasetEntry"];
type DatasetInfo = components["schemas"]["DatasetInfo"];
type UploadSummary = components["schemas"]["UploadSummary"];

const FIRST_BYTES = 64 << 10;
const FIRST_ROWS = 10;
const MOST_COLUMNS = 200;

export function DatasetsPage() {
  const allowed = may("datasets:read");
  const found = useList<DatasetEntry>(allowed ? "/datasets" : null, "datasets");
  const [shown, setShown] = useState("");
  if (!allowed) return <p class="notice" role="alert">This key may not read datasets: it needs the scope datasets:read.</p>;
  return (
    <>
      <h1>
        Datasets {found.value && <small>{count(found.value.length, "dataset")}</small>}
      </h1>
      {may("datasets:write") && <Uploads done={found.again} />}
      <Listing
        title="Datasets"
        columns={["Dataset", "Format", "Samples", "Target", "Size", "Uploaded"]}
        rows={found.value}
        problem={found.problem}
        empty="There are no datasets. Drop a file above, or: trainyard datasets put digits.csv"
        name={(dataset) => dataset.name}
        row={(dataset) => [
          <button type="button" aria-expanded={shown === dataset.name} onClick={() => setShown(shown === dataset.name ? "" : dataset.name)}>
            <Name>{dataset.name}</Name>
          </button>,
          dataset.format,
          dataset.details.samples ?? "",
          <Name>{dataset.details.target}</Name>,
          size(dataset.sizeBytes),
          clock(dataset.created),
        ]}
      />
      {shown && <One key={shown} name={shown} />}
    </>
  );
}

function Uploads({ done }: { done: () => void }) {
  const [over, setOver] = useState(false);
  const open = useRead<{ uploads: UploadSummary[] }>("/uploads/datasets");
  const running = uploads.value;
  const began = (open.value?.uploads ?? []).filter((each) => !running.some((mine) => mine.name === each.name && !mine.failed));

  function take(files: FileList | null | undefined) {
    for (const file of files ?? []) {
      void upload(file, datasetName(file.name), () => {
        done();
        open.again();
      });
    }
  }

  return (
    <section aria-label="Uploads">
      <div
        class={over ? "drop over" : "drop"}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          take(event.dataTransfer?.files);
        }}
      >
        <label>
          Drop a table, arrays or an archive of images here, or choose it
          <input
            type="file"
            multiple
            onChange={(event) => {
              take(event.currentTarget.files);
              event.currentTarget.value = "";
            }}
          />
        </label>
      </div>
      <ul class="uploads" aria-live="polite">
        {running.map((each) => (
          <li key={each.name}>
            <Name>{each.name}</Name> <progress max={Math.max(1, each.size)} value={each.sent} aria-label={`Upload of ${visible(each.name)}`} />{" "}
            <span class={each.failed ? "problem" : ""}>
              {visible(each.outcome) || `${size(each.sent)} of ${size(each.size)}`}
              {each.failed && " What has arrived is kept: choose the file again to go on."}
            </span>
          </li>
        ))}
        {began.map((each) => (
          <li key={each.id}>
            <Name>{each.name}</Name> <progress max={Math.max(1, each.parts)} value={each.received} aria-label={`Upload of ${visible(each.name)}`} />{" "}
            {`${each.received} of ${count(each.parts, "part")} arrived; choose the same file again to go on.`}
          </li>
        ))}
      </ul>
    </section>
  );
}

function One({ name }: { name: string }) {
  const path = `/datasets/${encodeURIComponent(name)}`;
  const { value, problem } = useRead<DatasetInfo>(path);
  if (problem) return <p role="alert" class="problem">{visible(problem)}</p>;
  if (!value) return <p class="notice">Reading …</p>;
  const { details } = value;
  const columns = details.columns ?? [];
  return (
    <section aria-labelledby="dataset">
      <h2 id="dataset">
        <Name>{name}</Name>
      </h2>
      <p>
        {`${count(details.samples, "sample")}, ${details.dimensions.join(" × ")}. `}
        {details.target && (
          <>
            Target: <Name>{details.target}</Name>
            {details.targetReason ? `, because ${visible(details.targetReason)}. ` : ". "}
          </>
        )}
        <a href={`/api/v1${path}/file`} download>
          Download
        </a>
      </p>
      {!!details.notes?.length && (
        <ul>
          {details.notes.map((note, n) => (
            <li key={n}>{visible(note)}</li>
          ))}
        </ul>
      )}
      {value.format === "csv" && <Preview path={path} dialect={(details.dialect ?? {}) as Dialect & { encoding?: string; header?: boolean }} />}
      {columns.length > 0 && (
        <>
          <h3>Columns</h3>
          {columns.length > MOST_COLUMNS && <p class="notice">{`The first ${MOST_COLUMNS} of ${columns.length} are shown.`}</p>}
          <Listing
            title="Columns"
            columns={["Column", "Type", "Role", "Missing", "Different values", "Why"]}
            rows={columns.slice(0, MOST_COLUMNS)}
            problem=""
            empty=""
            name={(column) => column.name}
            row={(column) => [
              <Name>{column.name}</Name>,
              column.type,
              column.role ?? "",
              column.missing ?? "",
              column.distinct ?? "",
              <Name>{column.reason}</Name>,
            ]}
          />
        </>
      )}
    </section>
  );
}

function Preview({ path, dialect }: { path: string; dialect: Dialect & { encoding?: string; header?: boolean } }) {
  const [rows, setRows] = useState<string[][]>();
  const [problem, setProblem] = useState("");
  useEffect(() => {
    const stop = new AbortController();
    send("GET", `${path}/file`, { headers: { Range: `bytes=0-${FIRST_BYTES - 1}` }, signal: stop.signal })
      .then(async (response) => {
        const bytes = await response.arrayBuffer();
        const text = decoded(bytes, dialect.encoding ?? "utf-8");
        setRows(firstRows(text, dialect, FIRST_ROWS + 1, bytes.byteLength < FIRST_BYTES));
      })
      .catch((error: unknown) => !stop.signal.aborted && setProblem(sentence(error)));
    return () => stop.abort();
  }, [path]);
  if (problem) return <p role="alert" class="problem">{visible(problem)}</p>;
  if (!rows) return null;
  const [names, first] = dialect.header === false ? [[], rows.slice(0, FIRST_ROWS)] : [rows[0] ?? [], rows.slice(1)];
  return (
    <>
      <h3>First rows</h3>
      <div class="wide" role="region" aria-label="First rows" tabIndex={0}>
        <table>
          {names.length > 0 && (
            <thead>
              <tr>
                {names.slice(0, MOST_COLUMNS).map((name, n) => (
                  <th scope="col" key={n}>
                    <Name>{name}</Name>
                  </th>
                ))}
              </tr>
            </thead>
          )}
          <tbody>
            {first.map((row, n) => (
              <tr key={n}>
                {row.slice(0, MOST_COLUMNS).map((field, m) => (
                  <td key={m}>
                    <Name>{field}</Name>
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function decoded(bytes: ArrayBuffer, encoding: string): string {
  try {
    return new TextDecoder(encoding).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}
