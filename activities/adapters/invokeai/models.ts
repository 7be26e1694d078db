import type { Static } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { ProviderError } from "#errors";
import type { Http } from "../http";
import type { InvokeAiModel } from "./types";
import { Model, ModelList, parseAnswer, Version } from "./wire";

const listMaxBytes = 64 * 1024 * 1024;

/** Calls about the server itself and what is installed on it. */
export function createModelCalls(http: Http, probeWithinMs: number) {
  return {
    /** InvokeAI's version: the only proof that it is there. A proxy without it answers pages. */
    async getVersion(signal?: AbortSignal): Promise<string> {
      const request = { path: "/api/v1/app/version", answerWithinMs: probeWithinMs };
      return parseAnswer(Version, await http.readJson(request, signal)).version;
    },

    /** Whether a model is installed under this key. */
    async hasModel(key: string, signal?: AbortSignal): Promise<boolean> {
      try {
        await http.readJson({ path: `/api/v2/models/i/${encodeURIComponent(key)}` }, signal);
        return true;
      } catch (error) {
        if (error instanceof ProviderError && error.fault === "missing") return false;
        throw error;
      }
    },

    /** All installed models of all types; a record that cannot be read is left out. */
    async listModels(signal?: AbortSignal): Promise<InvokeAiModel[]> {
      // The slash at the end is part of the route: without it the server answers a page.
      const request = { path: "/api/v2/models/", maxBytes: listMaxBytes };
      const { models } = parseAnswer(ModelList, await http.readJson(request, signal));
      return models.filter((model) => Value.Check(Model, model)).map(toModel);
    },
  };
}

function toModel(model: Static<typeof Model>): InvokeAiModel {
  const settings = model.default_settings;
  return {
    key: model.key,
    hash: model.hash,
    name: model.name,
    base: model.base,
    type: model.type,
    format: model.format,
    variant: model.variant ?? null,
    description: model.description ?? null,
    settings: {
      width: settings?.width ?? null,
      height: settings?.height ?? null,
      steps: settings?.steps ?? null,
      cfgScale: settings?.cfg_scale ?? null,
      scheduler: settings?.scheduler ?? null,
      guidance: settings?.guidance ?? null,
      vaeKey: settings?.vae ?? null,
    },
  };
}
