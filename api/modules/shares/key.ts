import { createHash, randomBytes } from "node:crypto";

/** A new access key: 32 random bytes, base64url. Shown once; kept nowhere. */
export function createAccessKey(): string {
  return randomBytes(32).toString("base64url");
}

/** What of a key is kept. Random as the key is, a plain hash of it cannot be turned round. */
export function hashAccessKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}
