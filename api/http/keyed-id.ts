import { createHmac } from "node:crypto";
import type { Installation } from "#db/schema/installation";

/**
 * The id of the row that a POST with an Idempotency-Key creates: the same for each repeat, and not computable from the key alone.
 * A UUID of version 8 (RFC 9562, 5.8) from an HMAC of route and key.
 */
export function keyedId(
  { cookieSecret }: Pick<Installation, "cookieSecret">,
  route: string,
  key: string,
): string {
  // A separate key for this purpose: these MACs cannot be used to forge a cookie.
  const secret = createHmac("sha256", cookieSecret).update("idempotency-ids").digest();
  const mac = createHmac("sha256", secret).update(`${route}\n${key}`).digest();
  const bytes = mac.subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const [, ...groups] = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/.exec(bytes.toString("hex")) ?? [];
  return groups.join("-");
}
