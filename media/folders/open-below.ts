import { existsSync } from "node:fs";
import {
  constants,
  type FileHandle,
  open,
  readdir,
  readlink,
  realpath,
  stat,
} from "node:fs/promises";
import { pathToText, textToPath } from "./path-text";

/**
 * Opens files and lists folders below a root that others may write to at the same time. The opened file is checked,
 * not its name, because a parent folder can be replaced with a link at any moment. Paths are in the encoding of
 * `path-text`.
 */
export type Opener = Readonly<{
  /** The path with links resolved; undefined when it does not exist. */
  resolve(path: string): Promise<{ path: string; isFolder: boolean } | undefined>;
  /** The names in a folder; undefined when it is no longer below the root. */
  list(root: string, path: string): Promise<string[] | undefined>;
  /** Opens a file for reading; undefined when it is no longer a file below the root. Never blocks on a pipe. */
  open(root: string, path: string): Promise<FileHandle | undefined>;
}>;

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = constants;
/** Linux: O_PATH refers to a file without opening it, which has no effect on a device or pipe. */
const O_PATH = 0o10000000;

const pathOf = ({ fd }: FileHandle) => `/proc/self/fd/${fd}`;

/** Linux resolves a descriptor to its current path, and can reopen it. */
const byDescriptor: Opener = {
  async resolve(path) {
    const handle = await open(textToPath(path), O_PATH).catch(() => undefined);
    if (!handle) return undefined;
    return closing(handle, async () => ({
      path: pathToText(await readlink(pathOf(handle), { encoding: "buffer" })),
      isFolder: (await handle.stat()).isDirectory(),
    }));
  },
  async list(root, path) {
    const handle = await open(textToPath(path), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    return closing(handle, async () => {
      if (!(await isBelow(root, handle))) return undefined;
      return (await readdir(pathOf(handle), { encoding: "buffer" })).map(pathToText);
    });
  },
  async open(root, path) {
    const handle = await open(textToPath(path), O_PATH | O_NOFOLLOW);
    return closing(handle, async () => {
      if (!(await handle.stat()).isFile() || !(await isBelow(root, handle))) return undefined;
      return open(pathOf(handle), O_RDONLY | O_NONBLOCK);
    });
  },
};

async function isBelow(root: string, handle: FileHandle): Promise<boolean> {
  const path = pathToText(await readlink(pathOf(handle), { encoding: "buffer" }));
  return isSameOrBelow(root, path);
}

/** On other systems the resolved path must name the file that was opened. */
export const byName: Opener = {
  async resolve(path) {
    try {
      const found = await realpath(textToPath(path), { encoding: "buffer" });
      return { path: pathToText(found), isFolder: (await stat(found)).isDirectory() };
    } catch {
      return undefined;
    }
  },
  async list(root, path) {
    const handle = await open(textToPath(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK);
    return closing(handle, async () => {
      const names = await readdir(textToPath(path), { encoding: "buffer" });
      return (await isInPlace(root, path, handle)) ? names.map(pathToText) : undefined;
    });
  },
  async open(root, path) {
    const handle = await open(textToPath(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const isOurs = (await handle.stat()).isFile() && (await isInPlace(root, path, handle));
    if (isOurs) return handle;
    await handle.close();
    return undefined;
  },
};

async function isInPlace(root: string, path: string, handle: FileHandle): Promise<boolean> {
  const there = await byName.resolve(path);
  if (!there || !isSameOrBelow(root, there.path)) return false;
  const [opened, named] = await Promise.all([
    handle.stat({ bigint: true }),
    stat(textToPath(there.path), { bigint: true }),
  ]);
  return opened.dev === named.dev && opened.ino === named.ino;
}

export const opener: Opener = existsSync("/proc/self/fd") ? byDescriptor : byName;

/** Whether a resolved path is the resolved folder or lies in it. */
export function isSameOrBelow(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

async function closing<T>(handle: FileHandle, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } finally {
    await handle.close();
  }
}
