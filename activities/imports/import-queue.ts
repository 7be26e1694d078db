import { createHash } from "node:crypto";

/**
 * The task queue of the workers that have an import root. The name holds a hash: a path may be longer than a queue's name
 * may be, and is not for histories.
 */
export function importQueueOf(root: string): string {
  return `gallery-import-${createHash("sha256").update(root).digest("hex").slice(0, 16)}`;
}
