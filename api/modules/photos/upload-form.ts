import { Value } from "@sinclair/typebox/value";
import { t } from "elysia";
import { AppError, type FieldFault, invalid } from "#errors";
import { displayName } from "#media/filename";
import type { Storage } from "#media/storage";
import type { Config } from "#config";
import { type FormFile, formParts, stageFile } from "../../form-files";
import type { Part } from "../../multipart";
import { tagsSchema, tidyTags, tidyTitle, titleSchema } from "../../text";
import { countCharacters, lengthWanted } from "../../text-length";

export type UploadedFile = FormFile & { filename: string };

export type UploadForm = {
  files: UploadedFile[];
  albumId: string | undefined;
  title: string | null;
  tags: string[];
};

const fieldsSchema = countCharacters(
  t.Object({
    album_id: t.Optional(t.String({ format: "uuid" })),
    title: t.Optional(titleSchema),
    tags: tagsSchema,
  }),
);

const wanted = "Send the files as multipart/form-data, each as a part named file.";
/** More than any sane form; a form of ten thousand parts is refused early. */
const maxFields = 128;
const maxFieldBytes = 4_096;

/**
 * Receives an upload: every file hashed on its way to a staged file, none larger or more than
 * allowed. On any fault nothing is left behind; what is returned is the caller's to commit or abort.
 * @throws AppError unsupported_media_type, validation_error, payload_too_large, storage_error
 */
export async function receiveForm(
  request: Request,
  storage: Storage,
  limits: Config["limits"],
): Promise<UploadForm> {
  const files: UploadedFile[] = [];
  // Without a prototype: any name of a part is a field like another.
  const fields: Record<string, unknown> & { tags: string[] } = Object.assign(Object.create(null), {
    tags: [],
  });
  let fieldCount = 0;
  try {
    for await (const part of formParts(request, wanted)) {
      if (part.name === "file") {
        if (files.length === limits.maxBatchSize) throw tooMany(limits.maxBatchSize);
        files.push(await receiveFile(part, storage, limits.maxUploadBytes));
        continue;
      }
      if ((fieldCount += 1) > maxFields) throw invalid("The form has too many fields.", []);
      if (part.filename !== undefined) {
        throw fieldFault(part.name, "no field for files; they go into `file`");
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
  if (announced !== undefined && announced !== file.received.sha256) {
    await file.staged.abort();
    throw invalid("A file does not have the hash its Content-Digest announced; send it again.", [
      { path: "file", message: "Content-Digest differs" },
    ]);
  }
  return { ...file, filename: displayName(part.filename, "photo") };
}

/** The SHA-256 of a Content-Digest (RFC 9530) as hex; undefined where none is announced. */
function announcedHash(digest: string | undefined): string | undefined {
  if (digest === undefined) return undefined;
  const [, base64] = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]*):/.exec(digest) ?? [];
  if (base64 === undefined) return undefined;
  return Buffer.from(base64, "base64").toString("hex");
}

async function readField(part: Part): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of part.body) {
    bytes += chunk.byteLength;
    if (bytes > maxFieldBytes) throw fieldFault(part.name, "too long");
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  // U+FFFD stands where bytes were no UTF-8; Postgres holds no NUL.
  if (text.includes("\0") || text.includes("\uFFFD")) throw fieldFault(part.name, "not plain text");
  return text;
}

function parseFields(fields: Record<string, unknown>) {
  const faults: FieldFault[] = [...Value.Errors(fieldsSchema, fields)].map((fault) => ({
    path: fault.path.slice(1).replaceAll("/", "."),
    message: lengthWanted(fault.schema) ?? fault.message,
  }));
  for (const name of Object.keys(fields)) {
    if (!Object.hasOwn(fieldsSchema.properties, name)) {
      faults.push({ path: name, message: "unknown field" });
    }
  }
  if (faults.length > 0) throw invalid("The form is not as expected; see details.errors.", faults);
  const { album_id, title, tags } = fields as typeof fieldsSchema.static;
  return { albumId: album_id, title: tidyTitle(title ?? null), tags: tidyTags(tags) };
}

function fieldFault(path: string, message: string): AppError {
  return invalid("The form is not as expected; see details.errors.", [{ path, message }]);
}

function tooMany(maxFiles: number): AppError {
  return new AppError({
    kind: "too_large",
    code: "payload_too_large",
    message: `At most ${maxFiles} files can be sent at once; none was kept.`,
    details: { max_files: maxFiles },
  });
}
