import { AppError, type FieldFault } from "#errors";
import type { SessionDocument } from "./format";
import { parseDocument } from "./parse-document";

export type DocumentJob = { bytes: Uint8Array; maxPictureBytes: number };

type Lists = Pick<SessionDocument, "steps" | "photos" | "lineage">;

/** A document is posted in parts: as one message, a large one would block the thread that answers requests. */
export type DocumentPart =
  | { head: Omit<SessionDocument, keyof Lists> }
  | { list: keyof Lists; items: unknown[] }
  | { fault: { message: string; errors: FieldFault[] } }
  | "end";

declare const self: Worker;

const itemsAtOnce = 250;

// In a thread, because parsing and checking tens of megabytes takes seconds; `read.ts` bounds the time.
self.addEventListener("message", ({ data }: MessageEvent<DocumentJob>) => {
  try {
    const { steps, photos, lineage, ...head } = parseDocument(data.bytes, data.maxPictureBytes);
    post({ head });
    postList("steps", steps);
    postList("photos", photos);
    postList("lineage", lineage);
    post("end");
  } catch (error) {
    // Any other error ends the thread; `read.ts` listens for that.
    if (!(error instanceof AppError)) throw error;
    const errors = (error.details?.["errors"] ?? []) as FieldFault[];
    post({ fault: { message: error.message, errors } });
  }
});

function postList(list: keyof Lists, items: unknown[]): void {
  for (let at = 0; at < items.length; at += itemsAtOnce) {
    post({ list, items: items.slice(at, at + itemsAtOnce) });
  }
}

function post(part: DocumentPart): void {
  self.postMessage(part);
}
