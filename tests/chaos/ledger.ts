/** What was acknowledged, kept outside of the gallery. A change that was not answered may have happened or not. */
export type Ledger = {
  /** SHA-256 of what was uploaded, by photo. */
  uploads: Map<string, string>;
  trash: Map<string, "in" | "out" | "unknown">;
  sessions: Set<string>;
  steps: Set<string>;
  /** By step; null: not known. */
  selections: Map<string, string | null>;
  links: Map<string, { key: string; photoId: string; revoked: "no" | "yes" | "unknown" }>;
  backups: number;
  /** What was wrong while it happened, such as a revoked link that answered. */
  broken: string[];
  /** By action: answered, and not. */
  actions: Map<string, { done: number; refused: number }>;
};

export const createLedger = (): Ledger => ({
  uploads: new Map(),
  trash: new Map(),
  sessions: new Set(),
  steps: new Set(),
  selections: new Map(),
  links: new Map(),
  backups: 0,
  broken: [],
  actions: new Map(),
});
