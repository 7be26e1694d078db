import type { Stats } from "node:fs";
import { lstat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { AppError } from "#errors";
import { isMissing } from "../storage/durable";
import { whyFileIsLeftOut, whyFolderIsLeftOut } from "./left-out";
import { isSameOrBelow, opener } from "./open-below";
import { naturalKey, readableName, textToPath } from "./path-text";
import { createSidecars, type Sidecars } from "./sidecars";

/** A folder that may be imported, with links resolved, and its root; or the reason why not. */
export type ResolvedFolder =
  | { state: "allowed"; path: string; root: string }
  | { state: "outside" | "missing" };

/**
 * Resolves a path, links included, to a folder below one of the roots. Never reveals whether a path outside the roots
 * exists.
 */
export async function resolveImportFolder(
  roots: readonly string[],
  path: string,
): Promise<ResolvedFolder> {
  const resolved = await Promise.all(roots.map((root) => opener.resolve(root)));
  const rootOf = (found: string) =>
    roots.find((_, at) => resolved[at] !== undefined && isSameOrBelow(resolved[at].path, found));
  const target = await opener.resolve(path);
  if (target === undefined) {
    // Where the path would be: its nearest existing parent, resolved.
    return { state: rootOf(await nearestParent(path)) === undefined ? "outside" : "missing" };
  }
  const root = rootOf(target.path);
  if (root === undefined) return { state: "outside" };
  return target.isFolder ? { state: "allowed", path: target.path, root } : { state: "missing" };
}

/** The root that holds a path of another machine, whose links cannot be resolved here; undefined: none. */
export function findRootOf(roots: Iterable<string>, path: string): string | undefined {
  // Without `.` and `..` parts, which could lead out of the root.
  if (resolve(path) !== path) return undefined;
  return [...roots].find((root) => isSameOrBelow(root, path));
}

/** Whether a walk of `folder` comes to `path`, both with links resolved: it is the folder, or below it and not left out. */
export function isWalkedFrom(folder: string, path: string): boolean {
  if (!isSameOrBelow(folder, path)) return false;
  const names = path
    .slice(folder.length)
    .split("/")
    .filter((name) => name !== "");
  return names.every(
    (name, at) =>
      whyFolderIsLeftOut(name, names[at - 1]) === undefined &&
      !isInvokeThumbnails(folder, names.slice(0, at + 1).join("/")),
  );
}

async function nearestParent(path: string): Promise<string> {
  const parent = dirname(path);
  const found = await opener.resolve(parent);
  return found?.path ?? (parent === path ? path : nearestParent(parent));
}

/** One entry of a walk: a file, or a folder that is left out. */
export type WalkedFile = Readonly<{
  /** Path relative to the folder, in the encoding of `path-text`; identifies the file. */
  file: string;
  /** The path as displayed; unique within the folder. */
  shown: string;
  /** Why it is left out; null for a file to import and for a sidecar. */
  refusal: string | null;
  /** Whether it holds metadata of a picture, or belongs to one. */
  isSidecar: boolean;
  /** Its possible sidecars, in the form of `file`; most trusted first. */
  sidecars: readonly string[];
  /** Bytes and time of change as listed, in milliseconds since 1970; 0 for what is left out. */
  size: number;
  modifiedMs: number;
}>;

/**
 * Walks a folder and all folders below it in a stable order: by name, part by part, numbers by value, so that a walk
 * can resume `after` any file. Links, devices, hidden folders, folders of other programs and unreadable folders are
 * listed with the reason why they are left out. InvokeAI's own thumbnails are not listed at all.
 */
export async function* walkImportFolder(
  folder: string,
  after: string | null,
): AsyncGenerator<WalkedFile> {
  const top = { root: folder, file: "", shown: "", name: undefined };
  yield* walk(top, after === null ? [] : after.split("/"));
}

type Folder = { root: string; file: string; shown: string; name: string | undefined };

async function* walk(folder: Folder, after: readonly string[]): AsyncGenerator<WalkedFile> {
  const [first, ...rest] = after;
  const listed = await listNames(folder);
  if ("refusal" in listed) {
    if (listed.refusal !== null) yield leftOut(folder, listed.refusal);
    return;
  }
  const { names } = listed;
  const shownNames = uniqueNames(names);
  let sidecars: Sidecars | undefined;
  for (const name of inOrder(names, first)) {
    const file = joined(folder.file, name);
    const shown = joined(folder.shown, shownNames.get(name) ?? name);
    const isReached = name === first;
    // Already done: a file, or a folder that was left out.
    if (isReached && rest.length === 0) continue;
    const { kind, size, modifiedMs } = await examine(`${folder.root}/${file}`);
    if (kind === "folder") {
      const reason = whyFolderIsLeftOut(name, folder.name);
      if (reason !== undefined) yield leftOut({ file, shown }, reason);
      else if (!isInvokeThumbnails(folder.root, file)) {
        yield* walk({ root: folder.root, file, shown, name }, isReached ? rest : []);
      }
      continue;
    }
    // `after` lies in this folder, which was walked in part. If it is no longer a folder, nothing remains of it.
    if (kind === "gone" || isReached) continue;
    const refusal = kind === "file" ? whyFileIsLeftOut(name) : refusals[kind];
    if (refusal !== undefined) {
      yield leftOut({ file, shown }, refusal);
      continue;
    }
    sidecars ??= createSidecars(names);
    const isSidecar = sidecars.isSidecar(name);
    yield {
      file,
      shown,
      refusal: null,
      isSidecar,
      sidecars: isSidecar ? [] : sidecars.of(name).map((other) => joined(folder.file, other)),
      size,
      modifiedMs,
    };
  }
}

const leftOut = ({ file, shown }: Pick<WalkedFile, "file" | "shown">, refusal: string) => ({
  file,
  shown,
  refusal,
  isSidecar: false,
  sidecars: [],
  size: 0,
  modifiedMs: 0,
});

const joined = (folder: string, name: string) => (folder === "" ? name : `${folder}/${name}`);

/** The import's own folder must exist. A folder below it may have disappeared, which is not an error. */
async function listNames({
  root,
  file,
}: Folder): Promise<{ names: string[] } | { refusal: string | null }> {
  const path = file === "" ? root : `${root}/${file}`;
  const replaced = { refusal: "It is no longer a folder in this folder." };
  try {
    const names = await opener.list(root, path);
    if (names !== undefined) return { names };
  } catch (error) {
    if (file === "") throw isDenied(error) ? closedFolder(error) : error;
    if (isMissing(error)) return { refusal: null };
    return isReplaced(error) ? replaced : { refusal: "The folder cannot be read." };
  }
  if (file === "") throw new Error("the folder was replaced while it was walked");
  return replaced;
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? "";
/** Whether the folder was replaced with a file or a link. */
const isReplaced = (error: unknown) => ["ENOTDIR", "ELOOP"].includes(codeOf(error));
const isDenied = (error: unknown) => ["EACCES", "EPERM"].includes(codeOf(error));

function closedFolder(cause: unknown): AppError {
  return new AppError({
    kind: "forbidden",
    code: "forbidden",
    message:
      "The folder cannot be read; give the worker's account read access and import it again.",
    cause,
  });
}

/** The names from `first` on, sorted. */
function inOrder(names: readonly string[], first: string | undefined): string[] {
  const keyed = names.map((name) => ({ name, key: naturalKey(name) }));
  const start = first === undefined ? undefined : { name: first, key: naturalKey(first) };
  return keyed
    .filter((one) => start === undefined || compare(one, start) >= 0)
    .toSorted(compare)
    .map(({ name }) => name);
}

type Keyed = { name: string; key: string };

function compare(a: Keyed, b: Keyed): number {
  if (a.key !== b.key) return a.key < b.key ? -1 : 1;
  if (a.name === b.name) return 0;
  return a.name < b.name ? -1 : 1;
}

/** Makes the displayed names of files that are not UTF-8 unique. */
function uniqueNames(names: readonly string[]): ReadonlyMap<string, string> {
  const shown = new Map<string, string>();
  const taken = new Set(names);
  // Sorted, so that every walk gives a name the same number.
  for (const name of names.filter((each) => readableName(each) !== each).toSorted()) {
    const readable = readableName(name);
    let unique = readable;
    for (let count = 2; taken.has(unique); count += 1) unique = `${readable} (${count})`;
    taken.add(unique);
    shown.set(name, unique);
  }
  return shown;
}

type Kind = "file" | "folder" | "gone" | keyof typeof refusals;

const refusals = {
  link: "Links are not followed; import what it points at.",
  other: "Neither a file nor a folder.",
  closed: "The file cannot be read.",
};

/** Decided by name, only to choose how to open the entry. The opened file is checked again. */
async function examine(path: string): Promise<{ kind: Kind; size: number; modifiedMs: number }> {
  try {
    const found = await lstat(textToPath(path));
    return { kind: kindOf(found), size: found.size, modifiedMs: found.mtimeMs };
  } catch (error) {
    const kind = isMissing(error) || isReplaced(error) ? "gone" : "closed";
    return { kind, size: 0, modifiedMs: 0 };
  }
}

function kindOf(found: Stats): Kind {
  if (found.isFile()) return "file";
  if (found.isDirectory()) return "folder";
  return found.isSymbolicLink() ? "link" : "other";
}

/** Whether this is `outputs/images/thumbnails` of an InvokeAI installation. */
function isInvokeThumbnails(root: string, file: string): boolean {
  return `${root}/${file}`.endsWith("/outputs/images/thumbnails");
}
