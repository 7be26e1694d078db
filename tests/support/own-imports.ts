import { readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";

/**
 * The files of a project that its programs import, with those that these import in turn; paths are relative to `root`.
 * Bun.build with external packages would not do: it takes imports such as `#errors` for packages.
 * @throws Error for an import that leads nowhere
 */
export async function ownImports(root: string, programs: readonly string[]): Promise<string[]> {
  const transpiler = new Bun.Transpiler({ loader: "ts" });
  const found = new Set(programs);
  for (const file of found) {
    if (!file.endsWith(".ts")) continue;
    for (const { path } of transpiler.scanImports(await readFile(join(root, file), "utf8"))) {
      const isOwn = path.startsWith(".") || path.startsWith("#");
      if (isOwn) found.add(relative(root, Bun.resolveSync(path, join(root, dirname(file)))));
    }
  }
  return [...found];
}
