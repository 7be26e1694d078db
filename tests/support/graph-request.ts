import type { GraphRequest } from "#activities/adapters/invokeai/graphs/index";

/** A small text-to-image request of few steps, for a base that needs no further models. */
export function graphRequest(
  model: GraphRequest["model"],
  overrides: Partial<GraphRequest> = {},
): GraphRequest {
  return {
    prompt: "a red boat",
    negativePrompt: "",
    width: 64,
    height: 64,
    steps: 3,
    cfgScale: 7,
    scheduler: "euler",
    clipSkip: null,
    guidance: null,
    model,
    vae: null,
    companions: {},
    loras: [],
    source: null,
    references: [],
    ...overrides,
  };
}
