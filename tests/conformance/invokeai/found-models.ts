import { factsOf } from "#activities/adapters/invokeai/bases";
import type { GraphRequest } from "#activities/adapters/invokeai/graphs/index";
import type { MainModel } from "#activities/adapters/invokeai/types";
import { fitOf, type NeededModel } from "#generation-parameters";
import { asMain, capabilityOf } from "./servers.ts";
import type { Model, Target } from "./target.ts";

export type FoundModels = Awaited<ReturnType<typeof readModels>>;

/** The server's models, to be chosen for a graph. */
export async function readModels(target: Target) {
  const { json } = await target.call("GET", "/api/v2/models/");
  const all = (json.models as Model[]).map(asMain);

  function find(base: string, type: string): MainModel {
    const model = all.find((each) => each.base === base && each.type === type);
    if (!model) throw new Error(`The server has no ${type} of base ${base}`);
    return model;
  }

  /** The server's own model of a kind, with what it needs beside it. */
  function mainLike(kind: MainModel): Partial<GraphRequest> & { model: MainModel } {
    const model = all.find((each) => capabilityOf(each) === capabilityOf(kind));
    if (!model) throw new Error(`The server has no ${capabilityOf(kind)}`);
    const { companions } = factsOf(model)!.accepts;
    return { model, ...(companions.length > 0 && findParts(companions)) };
  }

  /** The first alternative that the server has as a whole. */
  function findParts(alternatives: readonly (readonly NeededModel[])[]): Partial<GraphRequest> {
    for (const needed of alternatives) {
      const found = needed.map((need) => [need.part, fitting(need)] as const);
      if (found.some(([, model]) => model === undefined)) continue;
      const { vae = null, ...companions } = Object.fromEntries(found);
      return { vae, companions };
    }
    throw new Error("The server lacks what the model needs beside it.");
  }

  function fitting(need: NeededModel): MainModel | undefined {
    return all
      .filter((model) => fitOf(need, model) !== undefined)
      .toSorted((a, b) => fitOf(need, a)! - fitOf(need, b)!)[0];
  }

  return { all, find, mainLike };
}
