// What a session has left in its folder: folders to open, files to download.
import { useState } from "preact/hooks";
import type { components } from "../../build/schema";
import { useList } from "../state/reading";
import { size } from "../text/bytes";
import { clock } from "../text/words";
import { Listing, Name } from "./listing";

type FileEntry = components["schemas"]["FileEntry"];

/** `file` as a path that the gateway gave, percent-encoded already. */
export const address = (uid: string, file: string) => `/api/v1/training/${encodeURIComponent(uid)}/files/${file}`;

export function Files({ uid }: { uid: string }) {
  const [opened, setOpened] = useState(false);
  return (
    <section aria-labelledby="files">
      <h2 id="files">Files</h2>
      {opened ? <Folder uid={uid} /> : (
        <button type="button" onClick={() => setOpened(true)}>
          Show the session's files
        </button>
      )}
    </section>
  );
}

function Folder({ uid }: { uid: string }) {
  const [folder, setFolder] = useState("");
  const path = `/training/${encodeURIComponent(uid)}/files?limit=1000${folder ? `&path=${folder}` : ""}`;
  const found = useList<FileEntry>(path, "files");
  const parts = folder ? folder.split("/") : [];
  const archive = `/api/v1/training/${encodeURIComponent(uid)}/files-archive${folder ? `?path=${folder}` : ""}`;
  return (
    <>
      <p class="buttons">
        <button type="button" onClick={() => setFolder("")} disabled={!folder}>
          Top folder
        </button>
        {parts.length > 1 && (
          <button type="button" onClick={() => setFolder(parts.slice(0, -1).join("/"))}>
            One folder up
          </button>
        )}
        <a class="button" href={archive} download>
          Download this folder as ZIP
        </a>
      </p>
      <Listing
        title="Files of the session"
        columns={["Name", "Size", "Changed"]}
        rows={found.value}
        problem={found.problem}
        empty="The folder is empty."
        name={(file) => file.path}
        row={(file) => [
          file.kind === "folder" ? (
            <button type="button" onClick={() => setFolder(file.path)}>
              <Name>{`${file.name}/`}</Name>
            </button>
          ) : file.kind === "file" ? (
            <a href={address(uid, file.path)} download>
              <Name>{file.name}</Name>
            </a>
          ) : (
            <Name>{`${file.name} (${file.kind})`}</Name>
          ),
          file.kind === "file" ? size(file.sizeBytes) : "",
          clock(file.modified),
        ]}
      />
    </>
  );
}
