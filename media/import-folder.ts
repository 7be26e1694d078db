import { constants, type Dirent } from "node:fs";
import { open, readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import { isMissing } from "./durable";
import { imageRejected } from "./rejection";

/** A folder that may be imported, its links resolved; or why not. */
export type ResolvedFolder = { state: "allowed"; path: string } | { state: "outside" | "missing" };

/**
 * Finds the folder that a path means, links resolved, below one of the roots. Of what lies outside nothing is told,
 * not even whether it exists.
 */
export async function resolveImportFolder(
  roots: readonly string[],
  path: string,
): Promise<ResolvedFolder> {
  const resolvedRoots = (await Promise.all(roots.map(resolved))).filter(
    (root) => root !== undefined,
  );
  const target = await resolved(path);
  if (target === undefined) {
    // Where it would be, as far up as there is anything.
    const parent = await nearestParent(path);
    return { state: isBelowAny(parent, resolvedRoots) ? "missing" : "outside" };
  }
  if (!isBelowAny(target, resolvedRoots)) return { state: "outside" };
  return (await stat(target)).isDirectory()
    ? { state: "allowed", path: target }
    : { state: "missing" };
}

/** What a walk comes by, by its path relative to the folder, `/` between the parts. */
export type WalkedFile = { file: string; refusal: string | null };

/**
 * Every file of a folder and those below it, in an order that does not change: by name, part by part, so that a walk can
 * go on `after` any of them. Links, devices and hidden folders come with the reason why they are left out; a folder
 * that may not be read as well. InvokeAI's own thumbnails are passed over.
 */
export async function* walkImportFolder(
  folder: string,
  after: string | null,
): AsyncGenerator<WalkedFile> {
  yield* walk(folder, "", after === null ? [] : after.split("/"));
}

async function* walk(
  root: string,
  below: string,
  after: readonly string[],
): AsyncGenerator<WalkedFile> {
  const [first, ...rest] = after;
  let entries: Dirent[];
  try {
    entries = await readdir(join(root, below), { withFileTypes: true });
  } catch (error) {
    // The folder itself has to be there; one below it may go, or be closed to us.
    if (below === "") throw error;
    if (first === undefined && !isMissing(error))
      yield { file: below, refusal: "The folder cannot be read." };
    return;
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const { name } = entry;
    if (first !== undefined && name < first) continue;
    const isReached = name === first;
    const file = below === "" ? name : `${below}/${name}`;
    if (entry.isDirectory() && !name.startsWith(".")) {
      if (isInvokeThumbnails(root, file)) continue;
      yield* walk(root, file, isReached ? rest : []);
    } else if (!isReached) {
      yield { file, refusal: refusalOf(entry) };
    }
  }
}

function refusalOf(entry: Dirent): string | null {
  if (entry.isFile()) return null;
  if (entry.isSymbolicLink()) return "Links are not followed; import what it points at.";
  if (entry.isDirectory()) return "Hidden folders are left out.";
  return "Neither a file nor a folder.";
}

/** `outputs/images/thumbnails` of an InvokeAI. */
function isInvokeThumbnails(root: string, file: string): boolean {
  const path = join(root, file);
  const images = dirname(path);
  return (
    basename(path) === "thumbnails" &&
    basename(images) === "images" &&
    basename(dirname(images)) === "outputs"
  );
}

/** The bytes of a file as it stood when it was opened, and how many they are. */
export type OpenedFile = { path: string; bytes: number; chunks: AsyncGenerator<Uint8Array> };

const chunkBytes = 1024 * 1024;

/**
 * Lends a file of a folder to read, once. A link, device or pipe that has taken its place is not opened; nothing is
 * ever written.
 * @throws AppError image_rejected when it is no file of the folder any more, or changes while it is read
 */
export async function withImportFile<T>(
  folder: string,
  file: string,
  use: (opened: OpenedFile) => Promise<T>,
): Promise<T> {
  const path = join(folder, file);
  // Neither follows a link nor waits for the other end of a pipe.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(path, flags).catch((error: unknown) => {
    throw imageRejected("The file cannot be read.", error);
  });
  try {
    const before = await handle.stat();
    // A folder above it may have become a link as well.
    if (!before.isFile() || (await resolved(path)) !== path) {
      throw imageRejected("It is no longer a file of this folder.");
    }
    const chunks = async function* () {
      for (let at = 0; ;) {
        const { bytesRead, buffer } = await handle
          .read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, at)
          .catch((error: unknown) => {
            throw imageRejected("The file cannot be read.", error);
          });
        if (bytesRead === 0) break;
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
        if (at > before.size) break;
      }
      const after = await handle.stat();
      if (after.size !== before.size || after.mtimeMs !== before.mtimeMs) {
        throw imageRejected("The file changed while it was read; import it once it is complete.");
      }
    };
    return await use({ path, bytes: before.size, chunks: chunks() });
  } finally {
    await handle.close();
  }
}

async function resolved(path: string): Promise<string | undefined> {
  return realpath(path).catch(() => undefined);
}

async function nearestParent(path: string): Promise<string> {
  const parent = dirname(path);
  return (await resolved(parent)) ?? (parent === path ? path : nearestParent(parent));
}

function isBelowAny(path: string, roots: readonly string[]): boolean {
  return roots.some((root) => {
    const way = relative(root, path);
    return way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && !way.startsWith(sep));
  });
}
