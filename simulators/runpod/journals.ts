import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { GeneratedPicture } from "./control.ts";

export type Journals = ReturnType<typeof createJournals>;

/** What InvokeAI generated in each pod; outlives the pods. */
export function createJournals(folder: string) {
  mkdirSync(folder, { recursive: true });
  const pathOf = (podId: string): string => join(folder, `${podId}.jsonl`);

  return {
    pathOf,
    read(podId: string): GeneratedPicture[] {
      const path = pathOf(podId);
      const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n") : [];
      return lines.filter(Boolean).map((line) => ({
        podId,
        ...(JSON.parse(line) as Omit<GeneratedPicture, "podId">),
      }));
    },
  };
}
