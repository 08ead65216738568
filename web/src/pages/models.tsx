// Models with their versions, what they measured, and their files.
import { useState } from "preact/hooks";
import type { components } from "../../build/schema";
import { Listing, Name } from "../parts/listing";
import { may } from "../state/login";
import { link } from "../state/place";
import { useList } from "../state/reading";
import { size } from "../text/bytes";
import { flat } from "../text/parameters";
import { clock, count, number } from "../text/words";
import { visible } from "../text/visible";

type ModelInfo = components["schemas"]["ModelInfo"];
const MOST_METRICS = 12;

export function ModelsPage() {
  const found = useList<ModelInfo>(may("models:read") ? "/models" : null, "models");
  const [shown, setShown] = useState("");
  if (!may("models:read")) return <p class="notice" role="alert">This key may not read models: it needs the scope models:read.</p>;
  return (
    <>
      <h1>
        Models {found.value && <small>{count(found.value.length, "model")}</small>}
      </h1>
      <Listing
        title="Models"
        columns={["Model", "Newest version", "Size", "Made", "Metrics"]}
        rows={found.value}
        problem={found.problem}
        empty="There are no models. A session that ends well leaves one."
        name={(model) => model.name}
        row={(model) => [
          <button type="button" aria-expanded={shown === model.name} onClick={() => setShown(shown === model.name ? "" : model.name)}>
            <Name>{model.name}</Name>
          </button>,
          model.version,
          size(model.sizeBytes),
          clock(model.created),
          <Metrics model={model} />,
        ]}
      />
      {shown && <Versions name={shown} />}
    </>
  );
}

function Versions({ name }: { name: string }) {
  const path = `/models/${encodeURIComponent(name)}`;
  const found = useList<ModelInfo>(`${path}/versions`, "models");
  return (
    <section aria-labelledby="versions">
      <h2 id="versions">
        Versions of <Name>{name}</Name>
      </h2>
      <Listing
        title="Versions"
        columns={["Version", "Content", "Size", "Made", "Metrics", "SHA-256", "Session"]}
        rows={found.value && [...found.value].reverse()}
        problem={found.problem}
        empty="There are no versions."
        name={(model) => String(model.version)}
        row={(model) => [
          <a href={`/api/v1${path}${model.kind === "file" ? `?version=${model.version}` : `/versions/${model.version}/archive`}`} download>
            {`Download version ${model.version}`}
          </a>,
          model.kind === "file" ? "one file" : count(model.files, "file"),
          size(model.sizeBytes),
          clock(model.created),
          <Metrics model={model} />,
          <code title={model.sha256}>{model.sha256.slice(0, 12)}</code>,
          model.sessionUid ? <a href={link(`/session/${model.sessionUid}`)}>session</a> : "",
        ]}
      />
    </section>
  );
}

function Metrics({ model }: { model: ModelInfo }) {
  const found = [...flat((model.card as Record<string, unknown>)["metrics"] ?? {})].filter(([name]) => name).slice(0, MOST_METRICS);
  return (
    <>
      {found.map(([name, value]) => (
        <span class="pair" key={name}>
          <Name>{name}</Name> {visible(number(value))}
        </span>
      ))}
    </>
  );
}
