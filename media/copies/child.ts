import { AppError } from "#errors";
import { storageFault } from "../storage/faults";
import { reencodedType } from "../pictures/formats";
import { inspectImage } from "../pictures/inspect";
import { createDecodeBudget } from "../pictures/decode-budget";
import { reencodeImage } from "../pictures/reencode";
import type { Change } from "../rewrite/change";
import { rewriteImage } from "../rewrite/image";
import type { CopyFailure, CopyOrder, CopyResult } from "./order";
import { piecesToStored } from "./plan";

// The child side of `createCopyProcess`. It runs one order at a time, so it needs no budget.
const budget = createDecodeBudget({ bytes: 1, jobs: 1 });

process.on("message", (order: CopyOrder) => {
  void work(order).then((result) => process.send!(result));
});
// The server has exited or was killed.
process.on("disconnect", () => process.exit(0));

async function work(order: CopyOrder): Promise<CopyResult> {
  try {
    if (order.kind === "plan") return { pieces: await plan(order) };
    if (order.kind === "type") return { copyType: await copyTypeOf(order) };
    const { path, mimeType, target, timeoutSeconds } = order;
    const bytes = await reencodeImage(path, mimeType, { budget, timeoutSeconds });
    await write(target, bytes);
    return { fault: null };
  } catch (error) {
    return { fault: faultOf(error) };
  }
}

async function plan({ path, mimeType, change }: CopyOrder & { kind: "plan" }) {
  const full = change.kind === "stamp" ? change : await withOrientation(path, mimeType);
  const copy = full && (await rewriteImage(Bun.file(path), mimeType, full));
  return copy ? piecesToStored(copy.pieces) : null;
}

async function copyTypeOf({ path, mimeType }: CopyOrder & { kind: "type" }) {
  const { hasAlpha } = await inspectImage(path, mimeType);
  return reencodedType(mimeType, hasAlpha);
}

/** undefined when the picture's header cannot be read. */
async function withOrientation(path: string, mimeType: CopyOrder["mimeType"]) {
  try {
    const { orientation } = await inspectImage(path, mimeType);
    return { kind: "strip", orientation } satisfies Change;
  } catch (error) {
    if (faultOf(error) === "storage") throw error;
    return undefined;
  }
}

async function write(target: string, bytes: Uint8Array): Promise<void> {
  try {
    await Bun.write(target, bytes);
  } catch (error) {
    throw storageFault(error);
  }
}

function faultOf(error: unknown): CopyFailure | "storage" {
  if (!(error instanceof AppError)) {
    // File system errors have a code; all others are about the picture.
    return error instanceof Error && "code" in error ? "storage" : "undecodable";
  }
  if (error.kind === "internal" || error.kind === "storage_full") return "storage";
  const isLate = error.cause instanceof Error && error.cause.message.startsWith("timeout:");
  return isLate ? "too_costly" : "undecodable";
}
