import { createHash, randomUUID } from "node:crypto";
import { open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type AppError, payloadTooLarge } from "#errors";
import { isMissing, makeFolder } from "./durable";
import { onStorage } from "./faults";
import type { ReceivedFile, StagedFile } from "./storage";

/** Reserves a name in `folder`, which is on the file system of the file's final place. */
export async function createStagedFile(folder: string, owner?: string): Promise<StagedFile> {
  await makeFolder(folder);
  const path = join(folder, `${owner === undefined ? "" : `${owner}.`}${randomUUID()}.part`);
  // After a commit the name no longer exists, so abort removes nothing.
  const abort = () => onStorage(() => rm(path, { force: true }));

  async function receive(
    source: AsyncIterable<Uint8Array>,
    maxBytes: number,
  ): Promise<ReceivedFile> {
    try {
      return await writeStream(path, source, maxBytes);
    } catch (error) {
      await abort();
      throw error;
    }
  }

  return { path, receive, abort, [Symbol.asyncDispose]: abort };
}

/** Removes the files of this owner's killed attempts. */
export async function removeStagedFiles(folder: string, owner: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  for (const name of names) {
    if (name.startsWith(`${owner}.`)) await rm(join(folder, name), { force: true });
  }
}

/**
 * Writes a stream to a new file, one chunk at a time.
 * @throws AppError too_large as soon as it holds more than `maxBytes`; storage_full
 */
export async function writeStream(
  path: string,
  source: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<ReceivedFile> {
  const hash = createHash("sha256");
  let bytes = 0;
  const file = await onStorage(() => open(path, "wx"));
  try {
    for await (const chunk of source) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) throw tooLarge(maxBytes);
      hash.update(chunk);
      await onStorage(() => file.writeFile(chunk));
    }
  } finally {
    await onStorage(() => file.close());
  }
  return { bytes, contentHash: hash.digest("hex") };
}

function tooLarge(maxBytes: number): AppError {
  return payloadTooLarge(`A file may hold at most ${maxBytes} bytes; send a smaller one.`, {
    max_bytes: maxBytes,
  });
}
