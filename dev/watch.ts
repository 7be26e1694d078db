import { watch } from "node:fs";
import { join } from "node:path";

const watched = ["api", "activities", "workflows", "db", "media", "config.ts", "errors.ts"];
const settleMs = 200;

/** Calls `onChange` after sources changed, once for several changes at a time. @returns how to stop */
export function watchSources(root: string, onChange: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const watchers = watched.map((path) =>
    watch(join(root, path), { recursive: true }, (_event, name) => {
      if (name !== null && !/\.(ts|sql|css)$/.test(name)) return;
      clearTimeout(timer);
      timer = setTimeout(onChange, settleMs);
    }),
  );
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}
