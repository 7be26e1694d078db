import type { Painting } from "../paint.ts";
import type { RunContext } from "./definition.ts";
import type { FieldType } from "./fields.ts";

/** The output of a text encoder: the prompt, the encoder that processed it, and the kind of models that can use it. */
export type Conditioning = {
  prompt: string;
  encoder: string;
  family: string;
  /** That the encoder saw beside the prompt. */
  pictures?: Buffer[];
};

/** The picture that latents represent until they are decoded. */
export type Latents = Painting;

/** The inputs of a noise node. */
export type Noise = { seed: number; width: number; height: number };

/** Stores a tensor under a new name. */
export function storeTensor(context: RunContext, value: unknown): string {
  const name = crypto.randomUUID();
  context.tensors.set(name, value);
  return name;
}

/** Reads a tensor by the name in `field` of a value from an edge. */
export function readTensor<T>(context: RunContext, value: unknown, field: string): T {
  return context.tensors.get((value as Record<string, string>)[field] ?? "") as T;
}

/** The mask that a sampler was given, for a painting. */
export function maskOf(context: RunContext, value: unknown): { mask?: Buffer } {
  return value == null ? {} : { mask: readTensor<Buffer>(context, value, "mask_name") };
}

export function latentsOutput(context: RunContext, latents: Latents): Record<string, unknown> {
  return {
    latents: { latents_name: storeTensor(context, latents), seed: null },
    width: latents.width,
    height: latents.height,
  };
}

/** The first conditioning of one or several. */
export function readConditioning(context: RunContext, value: unknown): Conditioning {
  const first = Array.isArray(value) ? value[0] : value;
  return readTensor<Conditioning>(context, first, "conditioning_name");
}

/** The output fields of nodes that make latents. */
export const latentsFields = {
  latents: "latents",
  width: "integer",
  height: "integer",
} as const satisfies Record<string, FieldType>;

/** Conditioning in the format passed along edges. */
export function conditioningOutput(
  context: RunContext,
  value: Conditioning,
): Record<string, unknown> {
  return { conditioning: { conditioning_name: storeTensor(context, value), mask: null } };
}

/** Wraps seeds modulo 2³², negative ones too. */
export function wrapSeed(seed: number): number {
  return ((seed % 2 ** 32) + 2 ** 32) % 2 ** 32;
}
