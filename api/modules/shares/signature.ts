import { createHmac } from "node:crypto";
import type { Installation } from "#db/schema/installation";

/** Signs facts about an outgoing file for its ETag: without the key an ETag cannot confirm a guess at the original. */
export function createSign({
  cookieSecret,
}: Pick<Installation, "cookieSecret">): (facts: string) => string {
  return (facts) =>
    createHmac("sha256", cookieSecret).update(`shared copy\n${facts}`).digest("base64url");
}
