import { createHash, randomUUID } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "#errors";
import { isMissing, makeFolder } from "./durable";
import { onStorage } from "./faults";
import type { ReceivedFile, StagedFile } from "./storage";

/** Makes an empty staged file in `folder`, which lies on the file system the file will end on. */
export async function createStagedFile(folder: string): Promise<StagedFile> {
  const path = join(folder, `${randomUUID()}.part`);
  const file = await openNew(path, folder);
  let bytes = 0;
  let isOpen = true;

  async function close(): Promise<void> {
    if (!isOpen) return;
    isOpen = false;
    await file.close();
  }

  async function abort(): Promise<void> {
    // After a commit the name is free, so that there is nothing to remove.
    await onStorage(async () => {
      await close();
      await rm(path, { force: true });
    });
  }

  async function receive(
    source: AsyncIterable<Uint8Array>,
    maxBytes: number,
  ): Promise<ReceivedFile> {
    const hash = createHash("sha256");
    try {
      for await (const chunk of source) {
        if (bytes + chunk.byteLength > maxBytes) throw tooLarge(maxBytes);
        hash.update(chunk);
        await onStorage(() => file.writeFile(chunk));
        bytes += chunk.byteLength;
      }
      await onStorage(close);
    } catch (error) {
      await abort();
      throw error;
    }
    return { bytes, sha256: hash.digest("hex") };
  }

  return {
    path,
    get bytes() {
      return bytes;
    },
    receive,
    abort,
    [Symbol.asyncDispose]: abort,
  };
}

async function openNew(path: string, folder: string) {
  try {
    return await open(path, "wx");
  } catch (error) {
    if (!isMissing(error)) throw error;
    await makeFolder(folder);
    return open(path, "wx");
  }
}

function tooLarge(maxBytes: number): AppError {
  return new AppError({
    kind: "too_large",
    code: "payload_too_large",
    message: `A file may hold at most ${maxBytes} bytes; send a smaller one.`,
    details: { max_bytes: maxBytes },
  });
}
