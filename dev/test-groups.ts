import { isWaiting } from "./test-files";

/**
 * How long the files of a group take together, in seconds. A file that takes longer has a process of its own: a long
 * process at the end of a run would leave the other lanes idle.
 */
const longest = { waiting: 45, busy: 30 };
const mostTogether = 10;

/**
 * Files that share a process. Loading their modules, and the engine's first, slow runs of that code, are about half of
 * what short files cost; so files of one folder are together, which load the same.
 * @param expected how long files take, in seconds; a file that is missing here takes less than any that is not
 */
export function groupFiles(
  files: readonly string[],
  expected: Readonly<Record<string, number>>,
): string[][] {
  const secondsOf = (group: readonly string[]) =>
    group.reduce((sum, file) => sum + (expected[file] ?? 0), 0);
  const folders = Map.groupBy(files, (file) => file.split("/", 2).join("/"));
  const groups = [...folders.values()].flatMap((inside) => {
    const found: string[][] = [];
    for (const file of inside.toSorted((a, b) => secondsOf([b]) - secondsOf([a]))) {
      const limit = isWaiting(file) ? longest.waiting : longest.busy;
      const fits = (group: readonly string[]) =>
        group.length < mostTogether && secondsOf([...group, file]) <= limit;
      const group = found.find(fits);
      if (group) group.push(file);
      else found.push([file]);
    }
    return found;
  });
  return groups.toSorted((a, b) => secondsOf(b) - secondsOf(a));
}
