import type { Config } from "#config";
import type { Database } from "#db/client";

export type CommandDeps = Readonly<{ config: Config; database: Database }>;

/** What `./gallery backup`, `restore`, `verify` and `storage` ask for; made by `stack/library/options.ts`. `folder`: an absolute path, or
 * `s3://bucket/prefix`. */
export type Command =
  | { verb: "backup"; folder: string; keep: number | null }
  | { verb: "check"; folder: string; backup: string | null }
  | { verb: "restore"; folder: string; backup: string | null; acceptsLosses: boolean }
  | { verb: "storage-status" }
  | { verb: "storage-move"; target: "disk" | "s3" }
  | { verb: "storage-cancel" }
  | { verb: "storage-forget-old"; keepsFiles: boolean }
  | { verb: "verify"; repairs: boolean; folder: string | null };
