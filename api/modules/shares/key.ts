import { randomBytes } from "node:crypto";
import { sha256Of } from "#sha256";

/** A new access key: 32 random bytes, base64url. Shown once, never stored. */
export function createAccessKey(): string {
  return randomBytes(32).toString("base64url");
}

/** The stored form of a key. A plain hash is enough: a random key of 32 bytes cannot be guessed from it. */
export function hashAccessKey(key: string): string {
  return sha256Of(key);
}
