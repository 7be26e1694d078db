import { createHash, randomUUID } from "node:crypto";
import { open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "#errors";
import { makeFolder } from "./durable";
import { onStorage } from "./faults";
import type { ReceivedFile, StagedFile } from "./storage";

/** Reserves a name in `folder`, which lies on the file system the file will end on. */
export async function createStagedFile(folder: string, owner?: string): Promise<StagedFile> {
  await makeFolder(folder);
  const path = join(folder, `${owner === undefined ? "" : `${owner}.`}${randomUUID()}.part`);
  // After a commit the name is free, so that there is nothing to remove.
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

/** Removes what tries of this owner have left that were killed. */
export async function removeStagedFiles(folder: string, owner: string): Promise<void> {
  await makeFolder(folder);
  for (const name of await readdir(folder)) {
    if (name.startsWith(`${owner}.`)) await rm(join(folder, name), { force: true });
  }
}

async function writeStream(
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
  return { bytes, sha256: hash.digest("hex") };
}

function tooLarge(maxBytes: number): AppError {
  return new AppError({
    kind: "too_large",
    code: "payload_too_large",
    message: `A file may hold at most ${maxBytes} bytes; send a smaller one.`,
    details: { max_bytes: maxBytes },
  });
}
