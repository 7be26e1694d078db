import type { InspectedImage } from "../pictures/inspect";
import { findPngTexts, type PngTexts } from "../pictures/png-text";
import { type Blocks, readBlocks } from "./blocks";
import { fromComfyPrompt } from "./comfyui";
import { fromDreamText } from "./dream";
import { type EmbeddedTexts, embeddedTextsOf } from "./embedded-texts";
import { boundGeneration, type RecordedGeneration, type UncheckedGeneration } from "./generation";
import { fromInvokeMetadata, fromOldInvokeMetadata } from "./invokeai";
import { type JsonObject, maxTextLength, parseObject } from "./json-object";
import { fromNovelAi } from "./novelai";
import { fromAnyText } from "./recorded-text";
import { type TakenAt, takenAtOf } from "./taken-at";
import { userCommentOf } from "./user-comment";

/** Metadata of a file that a photo's row keeps. */
export type Recorded = Readonly<{
  takenAt: TakenAt | undefined;
  /** Only for pictures whose program recorded its settings. */
  generation: RecordedGeneration | undefined;
  /** Title and keywords. */
  texts: EmbeddedTexts;
}>;

/**
 * Reads the metadata. Never fails because of its content: a broken block counts as absent.
 * @throws AppError when the file cannot be read
 */
export async function readRecorded(path: string, image: InspectedImage): Promise<Recorded> {
  const { mimeType } = image;
  const png = mimeType === "image/png" ? await findPngTexts(path) : undefined;
  const blocks = await readBlocks(path, mimeType, png);
  const said = (png && (await inPngTexts(png))) ?? inBlocks(blocks);
  const generation = said && boundGeneration(said);
  return {
    takenAt: takenAtOf(blocks),
    generation,
    texts: embeddedTextsOf(blocks, generation !== undefined),
  };
}

/** When several programs wrote settings, the most explicit ones count. */
async function inPngTexts(png: PngTexts): Promise<UncheckedGeneration | undefined> {
  const texts = await png.read(
    [
      "invokeai_metadata",
      "sd-metadata",
      "Dream",
      "parameters",
      "Comment",
      "Description",
      "Source",
      "prompt",
      "workflow",
    ],
    maxTextLength,
  );
  const beside = { description: texts.Description, source: texts.Source };
  return (
    fromObject(texts.invokeai_metadata, fromInvokeMetadata) ??
    fromObject(texts["sd-metadata"], fromOldInvokeMetadata) ??
    fromText(texts.Dream, fromDreamText) ??
    fromAnyText(texts.parameters) ??
    fromObject(texts.Comment, (record) => fromNovelAi(record, beside)) ??
    fromObject(texts.prompt, fromComfyPrompt) ??
    fromAnyText(texts.Comment) ??
    // Some programs save the executed graph under this name.
    fromObject(texts.workflow, fromComfyPrompt)
  );
}

/** Other formats have no text chunks: programs use EXIF's comment, make, model and description, and XMP. */
function inBlocks({ exif: { tags, comment }, xmp }: Blocks): UncheckedGeneration | undefined {
  const texts = [
    userCommentOf(comment),
    ...xmp.textsOf("exif:UserComment"),
    tags.Model,
    tags.Make,
    tags.ImageDescription,
    ...xmp.textsOf("dc:description"),
  ];
  for (const text of texts.slice(0, maxPlaces)) {
    const said = typeof text === "string" ? fromAnyText(text) : undefined;
    if (said) return said;
  }
  return undefined;
}

const maxPlaces = 12;

function fromText(
  text: string | undefined,
  read: (text: string) => UncheckedGeneration | undefined,
): UncheckedGeneration | undefined {
  return text === undefined ? undefined : read(text);
}

function fromObject(
  text: string | undefined,
  read: (record: JsonObject) => UncheckedGeneration | undefined,
): UncheckedGeneration | undefined {
  const record = text === undefined ? undefined : parseObject(text);
  return record && read(record);
}
