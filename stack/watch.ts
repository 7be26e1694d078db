import { watch } from "node:fs";
import { join } from "node:path";

const watched = [
  "api",
  "activities",
  "workflows",
  "library",
  "db",
  "media",
  "recipes",
  "config.ts",
  "each-of.ts",
  "errors.ts",
  "generation-parameters.ts",
  "generation-references.ts",
  "gpu-types.ts",
  "lines.ts",
  "model-sources.ts",
  "output.ts",
  "sha256.ts",
  "storable-text.ts",
];
const settleMs = 200;

/**
 * Calls `onChange` after source changes, once for several changes at a time.
 * @returns a function that stops it
 */
export function watchSources(root: string, onChange: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const watchers = watched.map((path) =>
    watch(join(root, path), { recursive: true }, (_event, name) => {
      if (name !== null && !/\.(ts|sql|css|py)$/.test(name)) return;
      clearTimeout(timer);
      timer = setTimeout(onChange, settleMs);
    }),
  );
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}
