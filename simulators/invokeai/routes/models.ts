import { detail, json } from "../answers.ts";
import type { ModelCatalogue } from "../models.ts";
import type { Handlers } from "../router.ts";

export function createModelHandlers(models: ModelCatalogue): Handlers {
  return {
    listModels({ url }) {
      const wanted = (name: string) => url.searchParams.getAll(name);
      const allows = (name: string, value: unknown) =>
        wanted(name).length === 0 || wanted(name).includes(String(value));
      const found = models
        .list()
        .filter(
          (model) =>
            allows("base_models", model.base) &&
            allows("model_type", model.type) &&
            allows("model_name", model.name) &&
            allows("model_format", model.format),
        );
      return json({ models: found });
    },

    missingModels: () => json({ models: models.missing() }),

    getModel({ params }) {
      const model = models.find(params.key ?? "");
      return model === undefined ? detail(404, "model not found") : json(model);
    },

    getModelByHash({ url }) {
      const hash = url.searchParams.get("hash");
      const model = models.list().find((candidate) => candidate.hash === hash);
      return model === undefined ? detail(404, "No model found with this hash") : json(model);
    },
  };
}
