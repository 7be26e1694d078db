import { Value } from "@sinclair/typebox/value";
import { parseJson } from "../../http/bodies/json-text";
import { fieldFaults } from "../../fields/field-faults";
import { badDocument, checkDocument, maxFaults } from "./check";
import {
  archiveBounds,
  documentName,
  documentSchema,
  formatName,
  formatVersion,
  type SessionDocument,
} from "./format";

const jsonBounds = { maxValues: archiveBounds.documentValues, maxDepth: 32 };

/**
 * Parses the document of an archive and checks everything but the existence of its files.
 * @param maxPictureBytes of all pictures together
 * @throws AppError validation_error
 */
export function parseDocument(bytes: Uint8Array, maxPictureBytes: number): SessionDocument {
  const value = parseJson(decode(bytes), jsonBounds);
  const { format, version } = (value ?? {}) as { format?: unknown; version?: unknown };
  if (format === formatName && version !== formatVersion) {
    throw badDocument([{ path: "version", message: `only version ${formatVersion} is supported` }]);
  }
  if (!Value.Check(documentSchema, value)) throw badDocument(listFaults(value));
  checkDocument(value, maxPictureBytes);
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
  for (const fault of fieldFaults(Value.Errors(documentSchema, value))) {
    faults.push(fault);
    if (faults.length === maxFaults) break;
  }
  return faults;
}
