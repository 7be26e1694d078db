import type { CompanionName, OptionName } from "#generation-parameters";
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
};
