import type { Stats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import type { AppError } from "#errors";
import { opener } from "./open-below";
import { imageRejected } from "../pictures/rejection";
import { signatureBytes, sniffHead } from "../pictures/sniff";

/** A file, with its state when it was opened. */
export type OpenedFile = {
  bytes: number;
  modifiedAt: Date;
  /** The same with the fraction that the file system gives. */
  modifiedMs: number;
  /** Whether its first bytes are those of an accepted type. */
  isPicture: boolean;
  chunks: AsyncGenerator<Uint8Array>;
};

const chunkBytes = 1024 * 1024;

/**
 * Opens a file of a folder for `use`, which reads it once; never writes. Fails when the file or a parent folder was
 * replaced with a link, device or pipe.
 * @throws AppError image_rejected when the file is no longer in the folder, or changes while it is read
 */
export async function withImportFile<T>(
  folder: string,
  file: string,
  use: (opened: OpenedFile) => Promise<T>,
): Promise<T> {
  const handle = await opener.open(folder, `${folder}/${file}`).catch((error: unknown) => {
    throw unreadable(error);
  });
  if (!handle) throw imageRejected("It is no longer a file in this folder.");
  try {
    const before = await handle.stat();
    const head = await read(handle, 0, signatureBytes);
    return await use({
      bytes: before.size,
      modifiedAt: before.mtime,
      modifiedMs: before.mtimeMs,
      isPicture: sniffHead(head) !== undefined,
      chunks: chunksOf(handle, before),
    });
  } finally {
    await handle.close();
  }
}

async function* chunksOf(handle: FileHandle, before: Stats): AsyncGenerator<Uint8Array> {
  for (let at = 0; ;) {
    const chunk = await read(handle, at, chunkBytes);
    if (chunk.length === 0) break;
    at += chunk.length;
    yield chunk;
    if (at > before.size) break;
  }
  const after = await handle.stat();
  if (after.size !== before.size || after.mtimeMs !== before.mtimeMs) {
    throw imageRejected("The file changed while it was read; import it once it is complete.");
  }
}

async function read(handle: FileHandle, at: number, length: number): Promise<Uint8Array> {
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, at);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    throw unreadable(error);
  }
}

function unreadable(error: unknown): AppError {
  return imageRejected("The file cannot be read.", error);
}

/** Sidecars with face lists or edit histories have a few hundred kilobytes. */
const maxSidecarBytes = 1024 * 1024;

/** Reads a small text file of the folder; undefined when it cannot be read, is longer, or is not UTF-8. */
export async function readImportText(folder: string, file: string): Promise<string | undefined> {
  const handle = await opener.open(folder, `${folder}/${file}`).catch(() => undefined);
  if (!handle) return undefined;
  try {
    const bytes = await read(handle, 0, maxSidecarBytes + 1);
    if (bytes.length > maxSidecarBytes) return undefined;
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    // The picture is imported without it.
    return undefined;
  } finally {
    await handle.close();
  }
}
