import type { MainModel, ModelIdentifier } from "../types";

/** Everything one graph is built from; complete, with models as the server knows them now. */
export type GraphRequest = {
  prompt: string;
  /** "": none. */
  negativePrompt: string;
  width: number;
  height: number;
  steps: number;
  /** 1 for bases that have no such choice. */
  cfgScale: number;
  scheduler: string;
  /** Layers of the text encoder to skip; null: nothing is said of it. */
  clipSkip: number | null;
  /** FLUX dev only, else null. */
  guidance: number | null;
  model: MainModel;
  /** null: the model's own; FLUX has none. */
  vae: ModelIdentifier | null;
  /** FLUX only, else null. */
  encoders: TextEncoders | null;
  loras: readonly WeighedLora[];
  /** null: text to image. */
  source: GraphSource | null;
};

type TextEncoders = { t5: ModelIdentifier; clip: ModelIdentifier };

export type WeighedLora = { model: ModelIdentifier; weight: number };

/** An uploaded picture of the wanted aspect ratio; another size is stretched to the exact one. */
type GraphSource = {
  imageName: string;
  width: number;
  height: number;
  /** 0: the source as it is; 1: hardly anything of it. */
  strength: number;
};
