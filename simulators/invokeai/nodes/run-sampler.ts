import type { Painting, ShownReference } from "../paint.ts";
import type { RunContext } from "./definition.ts";
import { runSteps } from "./denoise-steps.ts";
import { NodeError } from "./endings.ts";
import { sourceBytes } from "./latents.ts";
import { referencesOf } from "./references.ts";
import { latentsOutput, maskOf, readTensor, wrapSeed, type Latents } from "./tensors.ts";

/**
 * Runs a sampler without a noise node: size and seed are its own inputs. `variant` and `settings` are what else determines
 * the pixels.
 */
export async function runSampler(
  inputs: Record<string, unknown>,
  context: RunContext,
  sampling: {
    base: string;
    prompt: string;
    steps: unknown;
    variant: unknown[];
    settings: unknown[];
    /** Further pictures that condition the image. */
    references?: readonly ShownReference[];
  },
): Promise<Record<string, unknown>> {
  const [start, end] = [Number(inputs.denoising_start), Number(inputs.denoising_end)];
  const source =
    inputs.latents == null
      ? undefined
      : readTensor<Latents>(context, inputs.latents, "latents_name");
  if (start > 0 && source === undefined) {
    throw new NodeError(
      "ValueError",
      "denoising_start should be 0 when initial latents are not provided.",
    );
  }
  if (inputs.denoise_mask != null && source === undefined) {
    throw new NodeError("ValueError", "denoise_mask is provided without initial latents.");
  }
  const shown = await referencesOf(inputs, sampling.base, context);
  const painting: Painting = {
    prompt: sampling.prompt,
    seed: wrapSeed(Number(inputs.seed)),
    width: Number(inputs.width),
    height: Number(inputs.height),
    variant: JSON.stringify([
      ...sampling.variant,
      [...sampling.settings, start, end],
      ...shown.identity,
    ]),
    references: [...shown.references, ...(sampling.references ?? [])],
    ...(source === undefined
      ? {}
      : { source: { bytes: await sourceBytes(source), strength: end - start } }),
    ...maskOf(context, inputs.denoise_mask),
  };
  await runSteps(context, painting, { steps: Number(sampling.steps), start, end });
  return latentsOutput(context, painting);
}
