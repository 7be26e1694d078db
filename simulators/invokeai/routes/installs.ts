import { detail, json, plainText } from "../answers.ts";
import type { Faults } from "../faults.ts";
import type { Installs } from "../installs.ts";
import type { ModelCatalogue } from "../models.ts";
import type { Handlers } from "../router.ts";
import {
  allStarters,
  starterBundles,
  type StarterModel,
  starterModels,
} from "../starter-models.ts";

/** The installer and the models that it offers. */
export function createInstallHandlers(
  installs: Installs,
  { models, faults }: { models: ModelCatalogue; faults: Faults },
): Handlers {
  const describe = (starter: StarterModel): Record<string, unknown> => ({
    name: starter.name,
    source: starter.source,
    base: starter.base,
    type: starter.type,
    format: starter.format,
    description: starter.description,
    is_installed: models.list().some((model) => model.source === starter.source),
    dependencies: starter.dependencies?.map(describe) ?? null,
  });
  const ofBundle = (names: readonly string[]) =>
    allStarters.filter(({ name }) => names.includes(name)).map(describe);

  return {
    starterModels: () =>
      json({
        starter_models: starterModels.map(describe),
        starter_bundles: Object.fromEntries(
          Object.entries(starterBundles).map(([base, names]) => [
            base,
            { name: base, models: ofBundle(names) },
          ]),
        ),
      }),

    installModel({ url }) {
      const source = url.searchParams.get("source") ?? "";
      const isUrl = /^https?:\/\//.test(source);
      if (!isUrl && faults.find("hub_away")) return plainText(500, "Internal Server Error");
      if (!installs.knows(source)) return detail(424, `No metadata was found for ${source}`);
      return json(installs.enqueue(source, url.searchParams.get("access_token")), 201);
    },

    listInstalls: () => json(installs.list()),

    getInstall({ params }) {
      const job = installs.find(Number(params.id));
      return job === undefined ? detail(404, "No job with this id") : json(job);
    },

    cancelInstall({ params }) {
      const job = installs.find(Number(params.id));
      if (job === undefined) return detail(415, "No job with this id");
      installs.cancel(job);
      return json(null, 201);
    },

    pruneInstalls() {
      installs.prune();
      return plainText(204, "");
    },
  };
}
