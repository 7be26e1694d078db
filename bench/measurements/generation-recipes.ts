import { type ApiClient, createApiClient } from "#stack/demo/client";
import { chooseModel } from "#stack/demo/steps";
import { openSession, runRequest, type StepRun } from "../generation-steps";
import type { MeasureOptions } from "../options";
import { measureInTurn } from "../rounds";
import type { BenchStack } from "../stack";
import type { Row } from "../table";

type Input = { id: string; role: string };
type Recipe = { id: string; inputs: Input[] };
type Item = { started_at: string | null; completed_at: string | null };

const size = { width: 512, height: 512 };

/** What a step of a recipe takes beyond InvokeAI's own time, against the same of a plain step. */
export async function measureRecipes(
  stack: BenchStack,
  { isShort }: MeasureOptions,
): Promise<Row[]> {
  const api = createApiClient(stack.url, {});
  const { key } = await chooseModel(api);
  const recipe = await makeRecipe(api);
  const idOf = (role: string) => recipe.inputs.find((input) => input.role === role)!.id;
  const session = await openSession(api);
  const plain = {
    prompt: "hills by the sea",
    parameters: { model_key: key, batch_size: 1, steps: 20, ...size },
  };
  const ofRecipe = {
    recipe_id: recipe.id,
    prompt: "hills by the sea",
    batch_size: 1,
    inputs: {
      [idOf("model")]: key,
      [idOf("width")]: size.width,
      [idOf("height")]: size.height,
    },
  };
  const overheadOf = async (asked: object) =>
    overhead(stack, await runRequest(api, session, asked));
  // The first ones read models and fill caches.
  await overheadOf(plain);
  await overheadOf(ofRecipe);
  const seen = await measureInTurn(isShort ? 3 : 60, {
    plain: () => overheadOf(plain),
    recipe: () => overheadOf(ofRecipe),
  });
  return [
    {
      what: "a step of a recipe of one image, beyond the simulator's own time, p50",
      ours: seen.recipe,
      unit: "ms",
      baseline: { what: "plain step", value: seen.plain },
      aim: { atMost: 1.1 },
    },
  ];
}

/** From a workflow of the simulator's library that draws from words. */
async function makeRecipe(api: ApiClient): Promise<Recipe> {
  type Listed = { library_id: string; name: string };
  const { items } = await api.call<{ items: Listed[] }>("GET", "/recipes/library?limit=100");
  const found = items.find(({ name }) => name === "Text to Image");
  if (!found) throw new Error("the library has no workflow that draws from words");
  return api.call<Recipe>("POST", "/recipes", { library_id: found.library_id });
}

/** Milliseconds. */
async function overhead(
  { simulatorUrl }: BenchStack,
  { batchId, requestedAt, endedAt }: StepRun,
): Promise<number> {
  const path = `api/v1/queue/default/list_all?destination=${batchId}`;
  const answer = await fetch(new URL(path, `${simulatorUrl}/`));
  const [item] = (await answer.json()) as Item[];
  if (!item?.started_at || !item.completed_at) throw new Error("the batch has no times");
  return endedAt - requestedAt - (timeOf(item.completed_at) - timeOf(item.started_at));
}

/** InvokeAI's times are UTC without a zone. */
const timeOf = (text: string) => Date.parse(`${text.replace(" ", "T")}Z`);
