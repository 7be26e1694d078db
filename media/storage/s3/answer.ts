import { ObjectStoreFault } from "./fault";

export type ObjectFacts = Readonly<{
  bytes: number;
  etag: string;
  modifiedAt: Date;
  /** SHA-256, lower-case hex; undefined for an object that another program stored. */
  contentHash: string | undefined;
}>;

/** An answer whose body was read. */
export type Answer = { status: number; headers: Headers; text: string };

/** The header of our own that holds an object's hash, for stores that do not return checksums. */
export const hashHeader = "x-amz-meta-sha256";

/** @throws ObjectStoreFault unless the status is one of these */
export function expectStatus({ status, text }: Answer, ...expected: number[]): void {
  if (!expected.includes(status)) throw faultOf(status, text);
}

export function faultOf(status: number, text: string): ObjectStoreFault {
  const code = /<Code>([\w.]{1,80})<\/Code>/.exec(text)?.[1] ?? "";
  const details = {
    cause: new Error(`the store answered ${status} ${code}`.trim()),
    answer: { status, code },
  };
  if (status === 412 || status === 409) return new ObjectStoreFault("exists", details);
  if (status === 507 || /Quota|InsufficientStorage|StorageFull|DiskFull/i.test(code)) {
    return new ObjectStoreFault("full", details);
  }
  if ([301, 307, 400, 401, 403, 404].includes(status)) {
    return new ObjectStoreFault("refused", details);
  }
  return new ObjectStoreFault("unreachable", details);
}

/** An answer without a length or an entity tag is not one of S3. */
export function factsOf(headers: Headers): ObjectFacts {
  const bytes = Number(headers.get("content-length") ?? Number.NaN);
  const etag = headers.get("etag");
  const modifiedAt = new Date(headers.get("last-modified") ?? Number.NaN);
  if (!Number.isSafeInteger(bytes) || etag === null || Number.isNaN(modifiedAt.getTime())) {
    throw new ObjectStoreFault("broken");
  }
  const checksum = headers.get("x-amz-checksum-sha256");
  // A checksum of parts ends in `-` and their number; it is of another kind.
  const isWhole = checksum !== null && !checksum.includes("-");
  const contentHash = isWhole
    ? Buffer.from(checksum, "base64").toString("hex")
    : (headers.get(hashHeader) ?? undefined);
  return { bytes, etag, modifiedAt, contentHash };
}
