// Uploads of datasets in parts. What has arrived stays at the gateway: after a break only the missing parts are sent.
import { signal } from "@preact/signals";
import { get, Refused, send, sentence } from "../api/client";
import type { components } from "../../build/schema";

type UploadInfo = components["schemas"]["UploadInfo"];
type UploadSummary = components["schemas"]["UploadSummary"];

export interface Upload {
  name: string;
  sent: number;
  size: number;
  /** Empty while it goes on. */
  outcome: string;
  failed: boolean;
}

export const uploads = signal<readonly Upload[]>([]);

const PART = 8 << 20;
const TRIES = 5;
const PAUSE = 1000;

/** A dataset's name for a file: `My data.csv` becomes `My-data`. Pure. */
export function datasetName(file: string): string {
  const base = file.replace(/\.(tar\.gz|[A-Za-z0-9]{1,8})$/, "");
  return base.replace(/[^-._A-Za-z0-9]+/g, "-").replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, "").slice(0, 128) || "dataset";
}

/** Send a file, on from the parts of an earlier upload of the same name and size. Never throws; the outcome is told. */
export async function upload(file: File, name: string, done: () => void): Promise<void> {
  const me: Upload = { name, sent: 0, size: file.size, outcome: "", failed: false };
  const tell = (change: Partial<Upload>) => {
    Object.assign(me, change);
    uploads.value = [...uploads.value.filter((each) => each.name !== name), { ...me }];
  };
  tell({});
  try {
    const begun = (await earlier(file, name)) ?? (await begin(file, name));
    const missing = new Set(begun.missing);
    tell({ sent: Math.min(file.size, (begun.parts - missing.size) * begun.partBytes) });
    for (const number of missing) {
      const part = file.slice((number - 1) * begun.partBytes, number * begun.partBytes);
      await patiently(() => send("PUT", `/uploads/datasets/${begun.id}/parts/${number}`, { body: part }));
      tell({ sent: me.sent + part.size });
    }
    tell({ sent: file.size });
    await patiently(() => send("POST", `/uploads/datasets/${begun.id}/complete`));
    tell({ outcome: "is a dataset now" });
  } catch (error) {
    tell({ outcome: sentence(error), failed: true });
  }
  done();
}

async function begin(file: File, name: string): Promise<UploadInfo> {
  const body = JSON.stringify({ name, filename: file.name, sizeBytes: file.size, partBytes: PART });
  const headers = { "Content-Type": "application/json" };
  return (await (await send("POST", "/uploads/datasets", { body, headers })).json()) as UploadInfo;
}

async function earlier(file: File, name: string): Promise<UploadInfo | undefined> {
  const { uploads: all } = await get<{ uploads: UploadSummary[] }>("/uploads/datasets");
  const found = all.find((each) => each.name === name && each.sizeBytes === file.size);
  return found && get<UploadInfo>(`/uploads/datasets/${found.id}`);
}

/** Again after a break of the connection or an error of the gateway. */
async function patiently(work: () => Promise<unknown>): Promise<void> {
  for (let tried = 1; ; tried++) {
    try {
      await work();
      return;
    } catch (error) {
      const passes = error instanceof Refused && (error.status === 0 || error.status >= 500 || error.status === 429);
      if (!passes || tried >= TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE * 2 ** tried));
    }
  }
}
