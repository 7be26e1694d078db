import type { Clock } from "./clock.ts";

export type LogLine = { source: "container" | "system"; line: string; at: number };

export type PodLog = ReturnType<typeof createPodLog>;

const keptLines = 5000;

/** The lines of one pod; a listener gets each new one. */
export function createPodLog(clock: Clock) {
  const lines: LogLine[] = [];
  const listeners = new Set<(line: LogLine) => void>();
  let lastAt = 0;

  return {
    add(source: LogLine["source"], text: string): void {
      for (const line of text.split("\n").filter(Boolean)) {
        // Times are cursors, so no two lines have the same.
        lastAt = Math.max(Math.floor(clock.now()), lastAt + 1);
        const entry: LogLine = { source, line, at: lastAt };
        lines.push(entry);
        if (lines.length > keptLines) lines.shift();
        for (const tell of listeners) tell(entry);
      }
    },
    lines: (): readonly LogLine[] => lines,
    /** Returns what ends the subscription. */
    subscribe(listener: (line: LogLine) => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
