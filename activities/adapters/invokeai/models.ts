import type { Static } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { ProviderError } from "#errors";
import type { Http } from "../http";
import type { InvokeAiModel } from "./types";
import { Model, ModelList, parseAnswer, Version } from "./wire";

const listMaxBytes = 64 * 1024 * 1024;

/** Calls about the server itself and its models. */
export function createModelCalls(http: Http, probeWithinMs: number) {
  async function readList(path: string, signal?: AbortSignal): Promise<InvokeAiModel[]> {
    const answer = await http.readJson({ path, maxBytes: listMaxBytes }, signal);
    const { models } = parseAnswer(ModelList, answer);
    return models.filter((model) => Value.Check(Model, model)).map(toModel);
  }

  return {
    /**
     * InvokeAI's version: the only proof that InvokeAI answers. A proxy whose InvokeAI is down answers with an HTML
     * page.
     */
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

    /**
     * All installed models whose files exist, of all types; unreadable records are skipped. InvokeAI's list includes models
     * whose files are missing.
     */
    async listModels(signal?: AbortSignal): Promise<InvokeAiModel[]> {
      // The trailing slash is part of the route: without it the server answers with an HTML page.
      const listed = await readList("/api/v2/models/", signal);
      const withoutFiles = await readList("/api/v2/models/missing", signal);
      const missing = new Set(withoutFiles.map(({ key }) => key));
      return listed.filter(({ key }) => !missing.has(key));
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
    imageEncoder: model.image_encoder_model_id ?? null,
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
