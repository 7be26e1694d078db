import type { InspectedImage } from "../inspect";
import { readPngTexts } from "../png-text";
import { fromParametersText } from "./a1111";
import { fromComfyPrompt } from "./comfyui";
import { fromDreamText } from "./dream";
import { type ExifTags, readExifTags } from "./exif-tags";
import { boundGeneration, type RecordedGeneration, type SaidGeneration } from "./generation";
import { fromInvokeMetadata, fromOldInvokeMetadata } from "./invokeai";
import { type JsonObject, maxTextLength, parseObject } from "./json-object";
import { type TakenAt, takenAtOf } from "./taken-at";
import { userCommentOf } from "./user-comment";

/** What a file tells of itself that a photo's row keeps. */
export type Recorded = Readonly<{
  takenAt: TakenAt | undefined;
  /** Of a picture that was made by a program which says how. */
  generation: RecordedGeneration | undefined;
}>;

/**
 * Reads it without ever failing for what is written there: a broken block counts as absent.
 * @throws AppError when the file cannot be read
 */
export async function readRecorded(path: string, image: InspectedImage): Promise<Recorded> {
  const exif = readExifTags(image.exif);
  const said = (image.mimeType === "image/png" && (await inPngTexts(path))) || inExif(exif);
  return { takenAt: takenAtOf(exif), generation: said && boundGeneration(said) };
}

/** Where several programs wrote, the one counts that says most plainly what it did. */
async function inPngTexts(path: string): Promise<SaidGeneration | undefined> {
  const texts = await readPngTexts(
    path,
    ["invokeai_metadata", "sd-metadata", "Dream", "parameters", "prompt"],
    maxTextLength,
  );
  return (
    fromObject(texts.invokeai_metadata, fromInvokeMetadata) ??
    fromObject(texts["sd-metadata"], fromOldInvokeMetadata) ??
    fromText(texts.Dream, fromDreamText) ??
    fromText(texts.parameters, fromParametersText) ??
    fromObject(texts.prompt, fromComfyPrompt)
  );
}

/** JPEG and WebP have no texts of their own: programs write into EXIF's comment, ComfyUI into the camera's name. */
function inExif({ tags }: ExifTags): SaidGeneration | undefined {
  const comment = userCommentOf(tags.UserComment);
  const [model] = Array.isArray(tags.Model) ? tags.Model : [];
  const named = typeof model === "string" && model.startsWith("prompt:") ? model : undefined;
  return (
    fromText(comment, fromParametersText) ??
    fromObject(comment, fromComfyPrompt) ??
    fromObject(named?.slice("prompt:".length), fromComfyPrompt)
  );
}

function fromText(
  text: string | undefined,
  read: (text: string) => SaidGeneration | undefined,
): SaidGeneration | undefined {
  return text === undefined ? undefined : read(text);
}

function fromObject(
  text: string | undefined,
  read: (record: JsonObject) => SaidGeneration | undefined,
): SaidGeneration | undefined {
  const record = text === undefined ? undefined : parseObject(text);
  return record && read(record);
}
