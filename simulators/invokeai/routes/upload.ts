import sharp from "sharp";
import { detail, json, type Answer } from "../answers.ts";
import { imageToJson } from "../image-json.ts";
import { addPngText } from "../png-text.ts";
import type { Handler, RouteRequest } from "../router.ts";
import { missingField, ValidationFailure } from "../validation.ts";
import type { World } from "../world.ts";

const categories = ["general", "mask", "control", "user", "other"];
const maxResizePixels = 4096 * 4096;

/** Accepts a picture. It is always re-encoded to PNG and loses its EXIF, including the orientation. */
export function createUploadHandler(world: World): Handler {
  return async (request) => {
    const query = readQuery(request.url.searchParams);
    const form = await readForm(request);
    const file = form?.get("file");
    if (!(file instanceof File)) {
      throw new ValidationFailure([missingField(["body", "file"], null)]);
    }
    if (!declaredType(request.body).startsWith("image/")) return detail(415, "Not an image");
    const resize = readResize(form?.get("resize_to"));
    if (resize === "refused") return detail(400, "Invalid resize_to format or size");
    const png = await reencode(Buffer.from(await file.arrayBuffer()), resize);
    if ("status" in png) return png;
    const metadata = readMetadata(form?.get("metadata"));
    const row = await world.images.save(
      metadata === null ? png.bytes : addPngText(png.bytes, { invokeai_metadata: metadata }),
      {
        image_origin: "external",
        image_category: query.category,
        width: png.width,
        height: png.height,
        is_intermediate: Number(query.isIntermediate),
        session_id: request.url.searchParams.get("session_id"),
        node_id: null,
        metadata,
        graph: null,
        board_id: null,
      },
    );
    world.journal.uploads.push({ imageName: row.image_name });
    const image = imageToJson(row);
    const answer = json(image, 201);
    answer.headers.location = String(image.image_url);
    return answer;
  };
}

function readQuery(query: URLSearchParams): { category: string; isIntermediate: boolean } {
  const missing = ["image_category", "is_intermediate"].filter((name) => !query.has(name));
  if (missing.length > 0) {
    throw new ValidationFailure(missing.map((name) => missingField(["query", name], null)));
  }
  const category = query.get("image_category") ?? "";
  if (!categories.includes(category)) {
    const expected = "'general', 'mask', 'control', 'user' or 'other'";
    throw new ValidationFailure([
      {
        type: "enum",
        loc: ["query", "image_category"],
        msg: `Input should be ${expected}`,
        input: category,
        ctx: { expected },
      },
    ]);
  }
  return { category, isIntermediate: query.get("is_intermediate") === "true" };
}

async function readForm({ body, headers }: RouteRequest): Promise<FormData | undefined> {
  const contentType = headers.get("content-type") ?? "";
  if (!contentType.startsWith("multipart/form-data")) return undefined;
  return new Response(new Uint8Array(body), { headers: { "content-type": contentType } })
    .formData()
    .catch(() => undefined);
}

/** The declared type of the part `file`; the parsed form has the type detected from the bytes instead. */
function declaredType(body: Buffer): string {
  const head = /name="file"[\s\S]*?\r\n\r\n/.exec(body.toString("latin1"))?.[0] ?? "";
  return /content-type: *([^\r\n]+)/i.exec(head)?.[1] ?? "";
}

type Size = { width: number; height: number };

function readResize(value: FormDataEntryValue | null | undefined): Size | undefined | "refused" {
  if (typeof value !== "string" || value === "") return undefined;
  try {
    const { width, height } = JSON.parse(value) as Size;
    const isSane = width > 0 && height > 0 && width * height <= maxResizePixels;
    return isSane ? { width, height } : "refused";
  } catch {
    return "refused";
  }
}

/** Metadata that is not a JSON object is ignored. */
function readMetadata(value: FormDataEntryValue | null | undefined): string | null {
  if (typeof value !== "string") return null;
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === "object" && parsed !== null ? value : null;
  } catch {
    return null;
  }
}

async function reencode(
  bytes: Buffer,
  resize: Size | undefined,
): Promise<{ bytes: Buffer; width: number; height: number } | Answer> {
  try {
    await sharp(bytes).metadata();
  } catch {
    return detail(415, "Failed to read image");
  }
  try {
    const picture = sharp(bytes, { autoOrient: false, failOn: "truncated" });
    if (resize !== undefined) picture.resize(resize.width, resize.height, { fit: "fill" });
    const { data, info } = await picture
      .png({ compressionLevel: 4 })
      .toBuffer({ resolveWithObject: true });
    return { bytes: data, width: info.width, height: info.height };
  } catch {
    return detail(500, "Failed to create image");
  }
}
