import { homedir } from "node:os";
import { join } from "node:path";

/** Where programs that take long to fetch or build are kept for all checkouts of a user. */
export function userCacheFolder(env: Record<string, string | undefined>): string {
  return join(env["XDG_CACHE_HOME"] || join(env["HOME"] ?? homedir(), ".cache"), "photo-gallery");
}
