import type { Tx } from "#db/client";
import { listAvailableModels } from "#db/queries/models/available-models";
import type { Model } from "#db/schema/models";
import type { GenerationMetadata } from "#db/schema/photos";
import { AppError, invalid } from "#errors";
import { drawSeed } from "./parameters";
import { recallModel } from "./recall";

/** How an enlarged picture is painted again. */
export type RepaintWish = {
  creativity?: number | undefined;
  mainModelKey?: string | undefined;
};

/** What the step of an enlarged and repainted picture has beside that of an enlarged one. */
export type Repaint = {
  /** Beside the scale. */
  upscale: { creativity: number; mainModelKey: string; controlModelKey: string };
  sampling: { steps: number; cfgScale: number; scheduler: string };
  seed: number;
};

const bases = ["sd-1", "sdxl"];
/** A tile of latents needs a few. */
const minSide = 64;
/** InvokeAI's own page samples with these. */
const sampling = { cfgScale: 2, scheduler: "kdpm_2" };

/**
 * Chooses the models that paint an enlarged picture again; undefined when the request does not ask for it. The main model is
 * the one that is named, else the photo's own, else the first with a ControlNet for tiles.
 * @throws AppError validation_error, invokeai_model_error
 */
export async function completeRepaint(
  tx: Tx,
  { creativity, mainModelKey }: RepaintWish,
  picture: {
    width: number;
    height: number;
    scale: number;
    generation: GenerationMetadata | null;
  },
): Promise<Repaint | undefined> {
  if (creativity === undefined) {
    if (mainModelKey === undefined) return undefined;
    throw refusal("main_model_key", "only with creativity");
  }
  if (!(creativity > 0 && creativity <= 1)) {
    throw refusal("creativity", "a number above 0, up to 1");
  }
  const { width, height, scale, generation: made } = picture;
  if (Math.min(width, height) * scale < minSide) {
    throw refusal("creativity", `only for a result of at least ${minSide} pixels a side`);
  }
  const controls = (await listAvailableModels(tx, ["controlnet"])).filter(({ name }) =>
    /tile/i.test(name),
  );
  const controlFor = ({ base }: Model) => controls.find((control) => control.base === base);
  const mains = (await listAvailableModels(tx, ["main"])).filter(
    ({ base, variant, accepts }) =>
      accepts !== null && bases.includes(base) && (variant === null || variant === "normal"),
  );
  const main = chooseMain(mains, {
    made,
    key: mainModelKey,
    isAble: (model) => !!controlFor(model),
  });
  const control = main && controlFor(main);
  if (!control) {
    const base = main?.base ?? bases.join(" or ");
    throw modelFault(
      "creativity",
      `Install a main model and a ControlNet with "tile" in its name, both of base ${base}, in InvokeAI.`,
    );
  }
  return {
    upscale: { creativity, mainModelKey: main.key, controlModelKey: control.key },
    sampling: { steps: main.defaults?.steps ?? 30, ...sampling },
    seed: drawSeed(),
  };
}

function chooseMain(
  mains: Model[],
  wanted: {
    made: GenerationMetadata | null;
    key: string | undefined;
    isAble: (model: Model) => boolean;
  },
): Model | undefined {
  const { made, key, isAble } = wanted;
  if (key !== undefined) {
    const named = mains.find((model) => model.key === key);
    if (named) return named;
    throw modelFault("main_model_key", "Name an available plain main model of base sd-1 or sdxl.");
  }
  const recorded = made === null ? "unnamed" : recallModel(made, mains);
  if (typeof recorded !== "string" && isAble(recorded)) return recorded;
  return mains.find(isAble) ?? mains[0];
}

function refusal(path: string, message: string): AppError {
  return invalid("The photos cannot be enlarged like this; see details.errors.", [
    { path, message },
  ]);
}

function modelFault(path: string, message: string): AppError {
  return new AppError({
    kind: "invalid",
    code: "invokeai_model_error",
    message,
    details: { path },
  });
}
