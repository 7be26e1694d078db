import type { ModelIdentifier } from "../types";

/** Everything one graph is built from; complete, with models as the server knows them now. */
export type GraphRequest = {
  prompt: string;
  negativePrompt: string;
  width: number;
  height: number;
  steps: number;
  cfgScale: number;
  scheduler: string;
  /** Layers of the text encoder to skip; 0: none. */
  clipSkip: number;
  model: ModelIdentifier;
  /** null: the model's own. */
  vae: ModelIdentifier | null;
  loras: readonly { model: ModelIdentifier; weight: number }[];
  /** null: text to image. */
  source: GraphSource | null;
};

/** An uploaded picture of the wanted aspect ratio; another size is stretched to the exact one. */
export type GraphSource = {
  imageName: string;
  width: number;
  height: number;
  /** 0: the source as it is; 1: hardly anything of it. */
  strength: number;
};
