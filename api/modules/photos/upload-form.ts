import { Value } from "@sinclair/typebox/value";
import { t } from "elysia";
import { type AppError, type FieldFault, invalid, payloadTooLarge } from "#errors";
import { displayName } from "#media/folders/filename";
import type { Storage } from "#media/storage/storage";
import type { Config } from "#config";
import { type FormFile, formParts, stageFile } from "../../http/bodies/form-files";
import type { IncomingRequest } from "../../http/request";
import type { Part } from "../../http/bodies/multipart";
import { tagsSchema, tidyTags, tidyTitle, titleSchema } from "../../fields/text";
import { countCharacters } from "../../fields/text-length";
import { fieldFaults } from "../../fields/field-faults";

export type UploadedFile = FormFile & { filename: string };

export type UploadForm = {
  files: UploadedFile[];
  albumId: string | undefined;
  title: string | null;
  tags: string[];
  /** Whether a duplicate also gets album, title and tags. */
  merge: boolean;
};

const fieldsSchema = countCharacters(
  t.Object({
    album_id: t.Optional(t.String({ format: "uuid" })),
    title: t.Optional(titleSchema),
    tags: tagsSchema,
    merge: t.Optional(t.Union([t.Literal("true"), t.Literal("false")])),
  }),
);

const wanted = "Send the files as multipart/form-data, each as a part named file.";
/** More than a valid form needs; a form of ten thousand parts is refused early. */
const maxFields = 128;
const maxFieldBytes = 4_096;

/**
 * Receives an upload into staged files, hashed while they are written, within the limits of size and number. On any
 * fault nothing is left behind. The caller commits or aborts the returned files.
 * @throws AppError unsupported_media_type, validation_error, payload_too_large, storage_error
 */
export async function receiveForm(
  incoming: IncomingRequest,
  storage: Storage,
  limits: Config["limits"],
): Promise<UploadForm> {
  const files: UploadedFile[] = [];
  // Without a prototype, so that a part may have any name.
  const fields: Record<string, unknown> & { tags: string[] } = Object.assign(Object.create(null), {
    tags: [],
  });
  let fieldCount = 0;
  try {
    for await (const part of formParts(incoming, wanted)) {
      if (part.name === "file") {
        if (files.length === limits.maxBatchSize) throw tooMany(limits.maxBatchSize);
        files.push(await receiveFile(part, storage, limits.maxUploadBytes));
        continue;
      }
      if ((fieldCount += 1) > maxFields) throw fieldFault("", `at most ${maxFields} fields`);
      if (part.filename !== undefined) {
        throw fieldFault(part.name, "not a field for files; send files as `file`");
      }
      const text = await readField(part);
      if (part.name === "tags") fields.tags.push(text);
      else fields[part.name] = text;
    }
    if (files.length === 0) {
      throw invalid("Send at least one file.", [{ path: "file", message: "missing" }]);
    }
    return { files, ...parseFields(fields) };
  } catch (error) {
    await abortAll(files);
    throw error;
  }
}

export async function abortAll(files: readonly UploadedFile[]): Promise<void> {
  await Promise.all(files.map(({ staged }) => staged.abort()));
}

async function receiveFile(part: Part, storage: Storage, maxBytes: number): Promise<UploadedFile> {
  const announced = announcedHash(part.headers.get("content-digest"));
  const file = await stageFile(part, storage, maxBytes);
  if (announced !== undefined && announced !== file.received.contentHash) {
    await file.staged.abort();
    throw invalid("A file does not match its Content-Digest; send it again.", [
      { path: "file", message: "Content-Digest differs" },
    ]);
  }
  return { ...file, filename: displayName(part.filename, "photo") };
}

/**
 * The SHA-256 of a Content-Digest (RFC 9530) as hex; undefined if it has none.
 * @throws AppError validation_error when it cannot be read
 */
function announcedHash(digest: string | undefined): string | undefined {
  const members = (digest ?? "").split(",").map((member) => member.trim());
  const announced = members.filter((member) => /^sha-256\s*(?:[=;]|$)/i.test(member));
  const hashes = announced.map((member) => digestForm.exec(member)?.[1]);
  if (!hashes.includes(undefined)) {
    const last = hashes.at(-1);
    return last && Buffer.from(last, "base64").toString("hex");
  }
  throw invalid("A Content-Digest cannot be read; send the SHA-256 of the file or none.", [
    { path: "file", message: "Expected Content-Digest: sha-256=:<32 bytes in base64>:" },
  ]);
}

const digestForm = /^sha-256=:([A-Za-z0-9+/]{43}=):\s*(?:;.*)?$/i;

async function readField(part: Part): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of part.body) {
    bytes += chunk.byteLength;
    if (bytes > maxFieldBytes) throw fieldFault(part.name, "too long");
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  // U+FFFD replaces bytes that are not UTF-8; Postgres cannot store NUL.
  if (text.includes("\0") || text.includes("\uFFFD")) throw fieldFault(part.name, "not plain text");
  return text;
}

function parseFields(fields: Record<string, unknown>) {
  const faults: FieldFault[] = [...fieldFaults(Value.Errors(fieldsSchema, fields))];
  for (const name of Object.keys(fields)) {
    if (!Object.hasOwn(fieldsSchema.properties, name)) {
      faults.push({ path: name, message: "unknown field" });
    }
  }
  if (faults.length > 0) throw invalid("The form is not as expected; see details.errors.", faults);
  const { album_id, title, tags, merge } = fields as typeof fieldsSchema.static;
  return {
    albumId: album_id,
    title: tidyTitle(title ?? null),
    tags: tidyTags(tags),
    merge: merge !== "false",
  };
}

function fieldFault(path: string, message: string): AppError {
  return invalid("The form is not as expected; see details.errors.", [{ path, message }]);
}

function tooMany(maxFiles: number): AppError {
  return payloadTooLarge(`At most ${maxFiles} files can be sent at once; none was kept.`, {
    max_files: maxFiles,
  });
}
