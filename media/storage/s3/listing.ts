import { XMLParser } from "fast-xml-parser";
import { ObjectStoreFault } from "./fault";

export type ListedObject = Readonly<{ key: string; bytes: number; modifiedAt: Date }>;

type Listing = { objects: ListedObject[]; nextToken: string | undefined };

const parser = new XMLParser({
  parseTagValue: false,
  isArray: (name) => name === "Contents",
});

/**
 * Parses a page of ListObjectsV2.
 * @throws ObjectStoreFault when it is something else
 */
export function parseListing(xml: string): Listing {
  const { ListBucketResult: result } = parseXml(xml);
  if (typeof result !== "object" || result === null) throw new ObjectStoreFault("broken");
  const { Contents: contents, NextContinuationToken: token } = result as Record<string, unknown>;
  const objects = Array.isArray(contents) ? contents.map(parseObject) : [];
  return { objects, nextToken: typeof token === "string" && token !== "" ? token : undefined };
}

function parseXml(xml: string): Record<string, unknown> {
  try {
    return parser.parse(xml) as Record<string, unknown>;
  } catch (error) {
    throw new ObjectStoreFault("broken", { cause: error });
  }
}

function parseObject(entry: Record<string, unknown>): ListedObject {
  const { Key: key, Size: size, LastModified: modified } = entry;
  const bytes = Number(size);
  const modifiedAt = new Date(String(modified));
  const isWhole =
    typeof key === "string" && Number.isSafeInteger(bytes) && !Number.isNaN(modifiedAt.getTime());
  if (!isWhole) throw new ObjectStoreFault("broken");
  return { key, bytes, modifiedAt };
}
