/** A system call that succeeded. */
export type Call = {
  name: string;
  /** In seconds since 1970, as strace measures. */
  start: number;
  end: number;
  /** The file descriptors' paths and the paths in quotes, in their order. */
  paths: string[];
  text: string;
};

/** Every call that changes what is on a disk, or makes it durable. */
const traced = [
  "openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,copy_file_range,sendfile,ioctl",
  "splice,fsync,fdatasync,sync,syncfs,rename,renameat,renameat2,mkdir,mkdirat,unlink,unlinkat,rmdir,link,linkat,symlink,symlinkat",
  "io_uring_setup",
].join(",");

/** Puts a program under strace, which writes its log to `path`. The program stays the child of its starter. */
export const traceTo = (path: string): string[] =>
  `strace -D -f -y -T -ttt -s 0 -e trace=${traced} -o ${path}`.split(" ");

/** @throws Error when the program used calls that strace cannot follow */
export function parseCalls(log: string): Call[] {
  const calls: Call[] = [];
  /** By thread: the beginning of a call during which another thread made one. */
  const unfinished = new Map<string, { start: number; text: string }>();
  for (const line of log.split("\n")) {
    const [, thread = "", time, rest = ""] = /^(\d+)\s+(\d+\.\d+) (.*)$/.exec(line) ?? [];
    if (time === undefined) continue;
    if (rest.endsWith("<unfinished ...>")) {
      const text = rest.slice(0, -"<unfinished ...>".length);
      unfinished.set(thread, { start: Number(time), text });
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const begun = resumed ? unfinished.get(thread) : { start: Number(time), text: "" };
    if (!begun) continue;
    const call = parseCall(begun.start, begun.text + (resumed?.[1] ?? rest));
    if (call) calls.push(call);
  }
  if (calls.some(({ name }) => name.startsWith("io_uring"))) {
    throw new Error("the program writes with io_uring, which strace does not show");
  }
  return calls;
}

function parseCall(start: number, text: string): Call | undefined {
  const [, name, args = "", result, seconds] =
    /^(\w+)\((.*)\)\s+= (-?\d+|\?)[^<]*(?:<[^>]*>)?[^<]*<(\d+\.\d+)>$/.exec(text) ?? [];
  if (name === undefined || result === undefined || result === "?" || Number(result) < 0) {
    return undefined;
  }
  const paths = [...args.matchAll(/\d+<(\/[^>]*)>|"(\/[^"]*)"/g)].map(
    ([, opened, named]) => (opened ?? named)!,
  );
  return { name, start, end: start + Number(seconds), paths, text: args };
}
