import { sha256Of } from "#sha256";

/**
 * The task queue of the workers that have an import root. The name holds a hash: a path may be longer than a queue's name
 * may be, and is not for histories.
 */
export function importQueueOf(root: string): string {
  return `gallery-import-${sha256Of(root).slice(0, 16)}`;
}
