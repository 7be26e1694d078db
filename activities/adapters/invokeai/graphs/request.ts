import type { CompanionName, Hires, MaskFill, OptionName, Region } from "#generation-parameters";
import type { MainModel, ModelIdentifier } from "../types";

/** The complete input of a graph, with models as the server has them now. */
export type GraphRequest = RequestedOptions & {
  prompt: string;
  /** "": none. */
  negativePrompt: string;
  width: number;
  height: number;
  steps: number;
  /** 1 for bases without it. */
  cfgScale: number;
  scheduler: string;
  model: MainModel;
  /** null: the one included in the model or in its component source. */
  vae: ModelIdentifier | null;
  /** What the model needs beside it, as one of the alternatives of `companions.ts`. */
  companions: { [Name in CompanionName]?: Companion };
  loras: readonly WeighedLora[];
  /** null: text to image. */
  source: GraphSource | null;
  /** A second pass, `scale` times as large; null or absent: none. */
  hires?: Hires["hires"] | null;
};

/** null or absent: not specified. */
type RequestedOptions = { [Name in OptionName]?: number | null };

type Companion = ModelIdentifier & Pick<MainModel, "format" | "variant">;

export type WeighedLora = { model: ModelIdentifier; weight: number };

/** An uploaded image with the requested aspect ratio; if its size differs, it is stretched to the exact one. */
type GraphSource = {
  imageName: string;
  width: number;
  height: number;
  /** 0: the unchanged source; 1: almost nothing of it. */
  strength: number;
  /** Only a part of the picture is painted; absent: all of it. */
  part?: PaintedPart;
};

/** Uploaded pictures, by name. In masks black is painted. The source itself has the size at which the part is painted. */
export type PaintedPart = {
  /** What the canvas has beside the source is painted. */
  isExpanded: boolean;
  /** The mask at the size of the source. */
  mask: string;
  fill: MaskFill;
  /** The part of the picture at its own size, and the mask for blending the result onto it. */
  base: string;
  blend: string;
  region: Region;
  /** The whole picture, if the part is not all of it. */
  canvas: string | null;
};
