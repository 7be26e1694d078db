import type { OptionName } from "#generation-parameters";
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
  /** null: the one included in the model; FLUX models include none. */
  vae: ModelIdentifier | null;
  /** FLUX only, else null. */
  encoders: TextEncoders | null;
  loras: readonly WeighedLora[];
  /** null: text to image. */
  source: GraphSource | null;
};

/** null or absent: not specified. */
type RequestedOptions = { [Name in OptionName]?: number | null };

type TextEncoders = { t5: ModelIdentifier; clip: ModelIdentifier };

export type WeighedLora = { model: ModelIdentifier; weight: number };

/** An uploaded image with the requested aspect ratio; if its size differs, it is stretched to the exact one. */
type GraphSource = {
  imageName: string;
  width: number;
  height: number;
  /** 0: the unchanged source; 1: almost nothing of it. */
  strength: number;
};
