import type { Call } from "./system-calls";

type Folder = { entries: Map<string, Node>; durable: Map<string, Node> };
/** `version` counts the writes; `durable`: the last one that was flushed, 0 for none. */
type File = { version: number; durable: number };
type Node = Folder | File;

const isFolder = (node: Node | undefined): node is Folder =>
  node !== undefined && "entries" in node;
const newFolder = (): Folder => ({ entries: new Map(), durable: new Map() });

const writes = new Set([
  "write",
  "pwrite64",
  "writev",
  "pwritev",
  "pwritev2",
  "ftruncate",
  "truncate",
  "fallocate",
]);
/** The last descriptor is written to. */
const copies = new Set(["copy_file_range", "splice"]);

/**
 * What would be on a disk after a power cut, by POSIX alone: the bytes of a file that were flushed by an `fsync` of the file
 * after they were written, at the names that were flushed by an `fsync` of their folder. Everything else is lost. Real file
 * systems lose less.
 */
function createDiskModel(root: string) {
  const top = newFolder();

  const namesOf = (path: string): string[] | undefined =>
    path === root
      ? []
      : path.startsWith(`${root}/`)
        ? path.slice(root.length + 1).split("/")
        : undefined;

  function find(path: string, side: "entries" | "durable" = "entries"): Node | undefined {
    let node: Node | undefined = top;
    for (const name of namesOf(path) ?? ["/"]) {
      node = isFolder(node) ? node[side].get(name) : undefined;
    }
    return node;
  }

  function parentOf(path: string): { folder: Folder; name: string } | undefined {
    const names = namesOf(path);
    const name = names?.at(-1);
    if (name === undefined) return undefined;
    const folder = find(path.slice(0, -name.length - 1));
    return isFolder(folder) ? { folder, name } : undefined;
  }

  function set(path: string, node: Node | undefined): void {
    const parent = parentOf(path);
    if (!parent) return;
    if (node) parent.folder.entries.set(parent.name, node);
    else parent.folder.entries.delete(parent.name);
  }

  function touch(path: string | undefined): void {
    const node = path === undefined ? undefined : find(path);
    if (node && !isFolder(node)) node.version += 1;
  }

  function apply({ name, paths, text }: Call): void {
    const [first, second] = paths.filter((path) => namesOf(path) !== undefined);
    if (first === undefined) return;
    if (name === "openat" || name === "open" || name === "creat") {
      if (!find(first) && (/O_CREAT/.test(text) || name === "creat")) {
        set(first, { version: 1, durable: 0 });
      } else if (text.includes("O_TRUNC")) touch(first);
    } else if (writes.has(name)) touch(first);
    else if (copies.has(name)) touch(paths.at(-1));
    else if (name === "sendfile" || (name === "ioctl" && text.includes("FICLONE"))) touch(paths[0]);
    else if (name.startsWith("rename")) {
      const node = find(first);
      set(first, undefined);
      if (node && second !== undefined) set(second, node);
    } else if (name.startsWith("link") && second !== undefined) set(second, find(first));
    else if (name.startsWith("mkdir")) set(first, newFolder());
    else if (name.startsWith("unlink") || name === "rmdir") set(first, undefined);
  }

  /** What a flush has written once it ends: what was there when it began. */
  function flush(path: string): () => void {
    const node = find(path);
    if (!node) return () => {};
    if (isFolder(node)) {
      const entries = new Map(node.entries);
      return () => void (node.durable = entries);
    }
    const { version } = node;
    return () => void (node.durable = Math.max(node.durable, version));
  }

  function* filesBelow(node: Folder, path: string, side: "entries" | "durable"): Generator<string> {
    for (const [name, child] of node[side]) {
      if (isFolder(child)) yield* filesBelow(child, `${path}/${name}`, side);
      else yield `${path}/${name}`;
    }
  }

  return {
    apply,
    flush,
    /** After a cut now: `whole`, or what of it is left. */
    stateOf(path: string): "whole" | "bytes lost" | "name lost" {
      const node = find(path, "durable");
      if (!node || isFolder(node)) return "name lost";
      return node.durable === node.version ? "whole" : "bytes lost";
    },
    /** The files that are there, or would be after a cut. */
    files: (side: "entries" | "durable"): string[] => [...filesBelow(top, root, side)].toSorted(),
  };
}

type DiskModel = ReturnType<typeof createDiskModel>;

/**
 * Replays calls in the order of time.
 * @param onMoment called after each change, with its time in seconds
 */
export function replay(
  root: string,
  calls: readonly Call[],
  onMoment: (model: DiskModel, time: number) => void = () => {},
): DiskModel {
  const model = createDiskModel(root);
  const moments: { time: number; run: () => void }[] = [];
  for (const call of calls) {
    if (call.name === "fsync" || call.name === "fdatasync") {
      let finish = () => {};
      moments.push({ time: call.start, run: () => (finish = model.flush(call.paths[0] ?? "")) });
      moments.push({ time: call.end, run: () => finish() });
    } else moments.push({ time: call.end, run: () => model.apply(call) });
  }
  for (const { time, run } of moments.toSorted((a, b) => a.time - b.time)) {
    run();
    onMoment(model, time);
  }
  return model;
}
