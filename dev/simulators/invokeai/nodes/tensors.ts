import type { Painting } from "../paint.ts";
import type { RunContext } from "./definition.ts";
import type { FieldType } from "./fields.ts";

/** What a text encoder stores: the words and what encoded them. */
export type Conditioning = { prompt: string; encoder: string; family: "sd" | "sdxl" | "flux" };

/** What latents stand for until they are decoded. */
export type Latents = Painting;

/** What noise is made from. */
export type Noise = { seed: number; width: number; height: number };

/** Stores a tensor under a new name. */
export function storeTensor(context: RunContext, value: unknown): string {
  const name = crypto.randomUUID();
  context.tensors.set(name, value);
  return name;
}

/** Reads a tensor by the name in `field` of a value that came by an edge. */
export function readTensor<T>(context: RunContext, value: unknown, field: string): T {
  return context.tensors.get((value as Record<string, string>)[field] ?? "") as T;
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

/** Outputs of every node that makes latents. */
export const latentsFields = {
  latents: "latents",
  width: "integer",
  height: "integer",
} as const satisfies Record<string, FieldType>;

/** Conditioning as it travels along an edge. */
export function conditioningOutput(
  context: RunContext,
  value: Conditioning,
): Record<string, unknown> {
  return { conditioning: { conditioning_name: storeTensor(context, value), mask: null } };
}

/** Seeds count modulo 2³², negative ones from its end. */
export function wrapSeed(seed: number): number {
  return ((seed % 2 ** 32) + 2 ** 32) % 2 ** 32;
}
