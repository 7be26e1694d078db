import { afterAll, describe, expect, test } from "bun:test";
import type { GenerationMetadata } from "#db/schema/photos";
import { createTestApi } from "#tests/support/api";
import { insertModel, insertPhoto } from "#tests/support/rows";

const api = await createTestApi();
const { db } = api.deps.database;

afterAll(() => api.close());

// oxlint-disable-next-line typescript/no-explicit-any -- the tests read bodies as a client does
async function compare(query: string): Promise<{ status: number; body: any }> {
  const response = await api.request(`/api/v1/generation/compare?${query}`);
  return { status: response.status, body: await response.json() };
}

test("the table has only parameters that differ, for generated and uploaded pictures alike", async () => {
  const made = { prompt: "a harbour", steps: 20, seed: 1, scheduler: "euler", width: 512 };
  const one = await insertPhoto(db, { kind: "generated", generation: made });
  const two = await insertPhoto(db, {
    kind: "generated",
    generation: { ...made, seed: 2, loras: [{ modelKey: "ink", weight: 1 }] },
  });
  const uploaded = await insertPhoto(db, { generation: { ...made, scheduler: "ddim" } });
  const ids = [two.id, one.id, uploaded.id];
  const { status, body } = await compare(`ids=${ids.join(",")}`);
  expect(status).toBe(200);
  expect(body.photo_ids).toEqual(ids);
  expect(body.parameters).toEqual([
    { name: "seed", values: [2, 1, 1] },
    { name: "scheduler", values: ["euler", "euler", "ddim"] },
    { name: "loras", values: [[{ model_key: "ink", weight: 1 }], [], []] },
  ]);
  const each = ids.map((id) => `ids=${id}`).join("&");
  expect((await compare(each)).body).toEqual(body);

  const plain = await insertPhoto(db);
  const beside = await compare(`ids=${one.id},${plain.id}`);
  expect(beside.body.parameters).toContainEqual({ name: "prompt", values: ["a harbour", null] });
});

describe("equivalent parameters are not a difference", () => {
  const made = { prompt: "a harbour", steps: 20, seed: 1, scheduler: "euler", cfgScale: 7.5 };

  async function differing(...generations: GenerationMetadata[]): Promise<string[]> {
    const ids: string[] = [];
    for (const generation of generations) {
      ids.push((await insertPhoto(db, { kind: "generated", generation })).id);
    }
    const { body } = await compare(`ids=${ids.join(",")}`);
    return body.parameters.map(({ name }: { name: string }) => name);
  }

  test.each<[string, GenerationMetadata, GenerationMetadata]>([
    ["no negative prompt and an empty one", {}, { negativePrompt: "" }],
    ["no skipped layers and zero", {}, { clipSkip: 0 }],
    ["no strength and the whole", {}, { strength: 1 }],
    ["no LoRAs and none", {}, { loras: [] }],
    ["numbers of 32 bits", { cfgScale: 6.7 }, { cfgScale: 6.699999809265137 }],
    ["line breaks", { prompt: "a harbour,\nat night" }, { prompt: "a harbour,\r\nat night " }],
    [
      "LoRAs in another order",
      {
        loras: [
          { modelKey: "ink", weight: 1 },
          { modelKey: "grain", weight: 0.5 },
        ],
      },
      {
        loras: [
          { modelKey: "grain", weight: 0.5 },
          { modelKey: "ink", weight: 1 },
        ],
      },
    ],
    [
      "a model of other keys and names, and of the same weights",
      { modelKey: "here", modelHash: "blake3:aa", modelName: "Harbours" },
      { modelKey: "there", modelHash: "blake3:aa", modelName: "harbours-v1" },
    ],
    ["a model without its hash", { modelKey: "m", modelHash: "blake3:aa" }, { modelKey: "m" }],
    [
      "a model by another program's hash and file name",
      { modelKey: "m", modelHash: "blake3:aa", modelName: "harbours" },
      { modelHash: "0123456789", modelName: "harbours.safetensors" },
    ],
    ["the VAE that the model brings along", { modelKey: "m" }, { modelKey: "m", vaeKey: "m" }],
  ])("%s", async (_, one, other) => {
    expect(await differing({ ...made, ...one }, { ...made, ...other })).toEqual([]);
  });

  test("a missing parameter, and the default of its model", async () => {
    const { key, defaults } = await insertModel(db);
    const { steps: _, cfgScale: __, scheduler: ___, ...bare } = made;
    const { steps, cfgScale, scheduler, width, height } = defaults!;
    const full = { ...bare, modelKey: key, steps, cfgScale, scheduler, width, height };
    expect(await differing({ ...bare, modelKey: key }, full)).toEqual([]);
    expect(await differing({ ...bare, modelKey: key }, { ...full, steps: steps + 1 })).toEqual([
      "steps",
    ]);
  });

  test("the VAE set for the model, and the LoRA and VAE of another installation", async () => {
    const hash = (of: string) => ({ hash: `blake3:${of}`, isAvailable: of === "main" });
    const vaes = [
      await insertModel(db, { type: "vae", ...hash("vae") }),
      await insertModel(db, { type: "vae", ...hash("vae") }),
    ] as const;
    const loras = [
      await insertModel(db, { type: "lora", ...hash("lora") }),
      await insertModel(db, { type: "lora", ...hash("lora") }),
    ] as const;
    const [one, other] = [0, 1].map((at) => ({
      ...made,
      vaeKey: vaes[at]!.key,
      loras: [{ modelKey: loras[at]!.key, weight: 1 }],
    }));
    expect(await differing(one!, other!)).toEqual([]);
    const { defaults } = await insertModel(db);
    const main = await insertModel(db, { defaults: { ...defaults!, vaeKey: vaes[0].key } });
    const named = { ...made, modelKey: main.key };
    expect(await differing(named, { ...named, vaeKey: vaes[1].key })).toEqual([]);
  });

  test.each<[GenerationMetadata, GenerationMetadata, string[]]>([
    [{ clipSkip: 1 }, {}, ["clip_skip"]],
    [{ strength: 0.7 }, {}, ["strength"]],
    [{ vaeKey: "v" }, {}, ["vae_key"]],
    [
      { modelHash: "blake3:aa", modelName: "m" },
      { modelHash: "blake3:bb", modelName: "m" },
      ["model_hash"],
    ],
    [{ modelKey: "one" }, { modelKey: "two" }, ["model_key"]],
    [
      { loras: [{ modelKey: "ink", weight: 1 }] },
      { loras: [{ modelKey: "ink", weight: 0.9 }] },
      ["loras"],
    ],
  ])("but %o is another than %o", async (one, other, names) => {
    expect(await differing({ ...made, ...one }, { ...made, ...other })).toEqual(names);
  });
});

test("an unknown id is reported with its path; too few, too many and malformed ids are refused", async () => {
  const { id } = await insertPhoto(db);
  const unknown = await compare(`ids=${id},${crypto.randomUUID()}`);
  expect(unknown.status).toBe(404);
  expect(unknown.body.error.details).toEqual({ path: "ids.1" });
  const many = Array.from({ length: 21 }, () => crypto.randomUUID()).join(",");
  for (const query of ["", `ids=${id}`, `ids=${id},${id}`, `ids=${id},x`, `ids=${many}`]) {
    expect((await compare(query)).status).toBe(400);
  }
});
