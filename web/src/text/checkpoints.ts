// The checkpoints of a session, from the files of their folder. Pure.

export interface File {
  name: string;
  path: string;
  kind: string;
  sizeBytes: number;
  modified: string;
}

export interface Checkpoint extends File {
  /** What another session names to begin from it; none where a program wrote files of its own. */
  beginFrom: string | undefined;
}

const DATA = /^(best|step-\d{1,16})\.pt$/;

/** Newest first. The trainer writes `NAME.pt` and, when that is complete, `NAME.json`, which is not listed. */
export function checkpointsOf(files: File[]): Checkpoint[] {
  const names = new Set(files.map(({ name }) => name));
  const found: Checkpoint[] = [];
  for (const file of files) {
    const name = DATA.exec(file.name)?.[1];
    if (file.name.endsWith(".json") && names.has(file.name.replace(/json$/, "pt"))) continue;
    if (file.name.endsWith(".tmp")) continue;
    found.push({ ...file, beginFrom: name && names.has(`${name}.json`) ? name : undefined });
  }
  return found.sort((a, b) => Date.parse(b.modified) - Date.parse(a.modified) || (a.name < b.name ? -1 : 1));
}
