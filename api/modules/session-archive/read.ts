import { Value } from "@sinclair/typebox/value";
import { invalid } from "#errors";
import { openZip, type ZipReader } from "#media/zip-reader";
import { parseJson } from "../../json-body";
import { lengthWanted } from "../../text-length";
import { badDocument, checkDocument } from "./check";
import {
  archiveBounds,
  documentName,
  documentSchema,
  formatName,
  formatVersion,
  type SessionDocument,
} from "./format";

/** Opens a received archive. The caller closes it. */
export function openArchive(path: string): Promise<ZipReader> {
  const { photos, extraEntries, nameBytes } = archiveBounds;
  return openZip(path, { maxEntries: photos + extraEntries, maxNameBytes: nameBytes });
}

/**
 * The document of an archive, checked in full: what comes of it needs no further looks.
 * @param maxBytes of all pictures together
 * @throws AppError validation_error
 */
export async function readDocument(archive: ZipReader, maxBytes: number): Promise<SessionDocument> {
  if (!archive.has(documentName)) {
    throw invalid(`This is no exported session: it has no ${documentName}.`, [
      { path: documentName, message: "missing" },
    ]);
  }
  const bytes = await archive.bytes(documentName, archiveBounds.documentBytes);
  const value = parseJson(decode(bytes));
  const { format, version } = (value ?? {}) as { format?: unknown; version?: unknown };
  if (format === formatName && version !== formatVersion) {
    throw badDocument([
      { path: "version", message: `only version ${formatVersion} can be read here` },
    ]);
  }
  if (!Value.Check(documentSchema, value)) throw badDocument(listFaults(value));
  checkDocument(value, { hasFile: (file) => archive.has(file), maxBytes });
  return value;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw badDocument([{ path: documentName, message: "not UTF-8" }]);
  }
}

function listFaults(value: unknown) {
  const faults = [];
  for (const { path, schema, message } of Value.Errors(documentSchema, value)) {
    faults.push({
      path: path.slice(1).replaceAll("/", "."),
      message: lengthWanted(schema) ?? message,
    });
    if (faults.length === 20) break;
  }
  return faults;
}
