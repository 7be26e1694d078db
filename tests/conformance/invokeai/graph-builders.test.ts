import { beforeAll, expect } from "bun:test";
import sharp from "sharp";
import { factsOf } from "#activities/adapters/invokeai/bases";
import {
  buildGraph,
  type Graph,
  type GraphRequest,
  identify,
} from "#activities/adapters/invokeai/graphs/index";
import type { MainModel } from "#activities/adapters/invokeai/types";
import { sha256Of } from "#sha256";
import { everyMain, fullRequestFor, requestFor, takesNegative } from "#tests/support/graph-parts";
import { examineDrawing } from "./examine.ts";
import { type FoundModels, readModels } from "./found-models.ts";
import { dataOf } from "./graphs.ts";
import { capabilityOf } from "./servers.ts";
import { type Item, newBatchId, outputImage } from "./target.ts";

// Runs the graphs of our builders on every server that has the models; on others they are validated and cancelled.

const side = 64;
const small = { width: side, height: side, steps: 8 };
// The longest allowed prompt would take a real encoder a minute; tests/unit/graph-shapes.test.ts builds it.
const longPrompt = `a (red:1.2) boat++, {calm|wild} sea, "quoted", 港の朝, שלום עולם, ${"waves and sails, ".repeat(30)}`;

await examineDrawing((target, promised) => {
  let models: FoundModels;
  beforeAll(async () => {
    models = await readModels(target);
  });

  /** A small picture, with the server's own models. */
  function requestOf(kind: MainModel, overrides: Partial<GraphRequest> = {}): GraphRequest {
    const found = models.mainLike(kind);
    return requestFor(found.model.base, { ...small, ...found, ...overrides });
  }

  async function upload(colour: string): Promise<NonNullable<GraphRequest["source"]>> {
    const create = { width: 96, height: side, channels: 3 as const, background: colour };
    const bytes = await sharp({ create }).png().toBuffer();
    const imageName = (await target.upload(bytes)).json.image_name as string;
    return { imageName, width: 96, height: side, strength: 0.7 };
  }

  async function enqueue(graph: Graph, seeds: number[]) {
    const batchId = newBatchId();
    const slots = seeds.map((_, index) => index);
    const data = [[dataOf("seed", "value", seeds), dataOf("slot", "value", slots)]];
    const answer = await target.enqueue({ batch_id: batchId, data, graph });
    return { batchId, answer };
  }

  async function run(request: GraphRequest, seeds = [7]): Promise<Item[]> {
    const { batchId, answer } = await enqueue(uncached(buildGraph(request)), seeds);
    expect([answer.status, answer.json.enqueued]).toEqual([200, seeds.length]);
    return target.finishedItems(batchId);
  }

  async function pixelsOf(item: Item | undefined): Promise<string> {
    if (!item) throw new Error("no item");
    const raw = await sharp(await target.download(outputImage(item)))
      .raw()
      .toBuffer();
    return sha256Of(raw);
  }

  const pixels = async (request: GraphRequest) => pixelsOf((await run(request))[0]);

  async function metadataOf(item: Item | undefined) {
    const name = item && outputImage(item);
    return (await target.call("GET", `/api/v1/images/i/${name}/metadata`)).json as unknown;
  }

  for (const [title, kind] of everyMain) {
    const { base } = kind;
    const { accepts } = factsOf(kind)!;
    const needs = [capabilityOf(kind)];

    promised(
      `${title}: the same seed gives the same picture, another seed does not`,
      needs,
      async () => {
        const items = await run(requestOf(kind), [7, 7, 8]);
        const [first, again, other] = await Promise.all(items.map(pixelsOf));
        expect(again).toBe(first!);
        expect(other).not.toBe(first);
        const { width, height } = await sharp(
          await target.download(outputImage(items[0]!)),
        ).metadata();
        expect([width, height]).toEqual([side, side]);
      },
    );

    if (accepts.imageToImage) {
      promised(
        `${title}: image to image depends on the source and on strength`,
        needs,
        async () => {
          const [red, blue] = [await upload("#c22"), await upload("#22c")];
          const fromRed = await pixels(requestOf(kind, { source: red }));
          expect(await pixels(requestOf(kind, { source: blue }))).not.toBe(fromRed);
          expect(await pixels(requestOf(kind, { source: { ...red, strength: 0.3 } }))).not.toBe(
            fromRed,
          );
          for (const strength of [0, 1]) {
            const [item] = await run(requestOf(kind, { source: { ...red, strength } }));
            expect(item).toMatchObject({ status: "completed" });
          }
        },
      );
    }

    promised(`${title}: a prompt arrives unchanged, and its weights count`, needs, async () => {
      const negativePrompt = takesNegative(base) ? "(blurred)1.4, {one|two}" : "";
      const [item] = await run(requestOf(kind, { prompt: longPrompt, negativePrompt }));
      expect(await metadataOf(item)).toMatchObject({
        positive_prompt: longPrompt,
        seed: 7,
        ...(takesNegative(base) && { negative_prompt: negativePrompt }),
      });
    });

    // Without a VAE some models make no picture, so there is none to compare with.
    const needsVae = accepts.companions.flat().some(({ part }) => part === "vae");
    const [vaeBase] = accepts.vaeBases;
    if (vaeBase !== undefined && !needsVae) {
      promised(
        `${title}: a chosen VAE changes the picture and is in the metadata`,
        [...needs, `${vaeBase}/vae`],
        async () => {
          const plain = await pixels(requestOf(kind));
          const vae = models.find(vaeBase, "vae");
          const [item] = await run(requestOf(kind, { vae }));
          expect(await pixelsOf(item)).not.toBe(plain);
          expect(await metadataOf(item)).toMatchObject({ vae: { key: vae.key } });
        },
      );
    }

    if (accepts.loras) {
      promised(
        `${title}: a LoRA changes the picture, by its weight, and is in the metadata`,
        [...needs, `${base}/lora`],
        async () => {
          const model = models.find(base, "lora");
          const plain = await pixels(requestOf(kind));
          const [item] = await run(requestOf(kind, { loras: [{ model, weight: 0.8 }] }));
          const drawn = await pixelsOf(item);
          expect(drawn).not.toBe(plain);
          expect(await metadataOf(item)).toMatchObject({
            loras: [{ model: { key: model.key }, weight: 0.8 }],
          });
          expect(await pixels(requestOf(kind, { loras: [{ model, weight: -0.8 }] }))).not.toBe(
            drawn,
          );
        },
      );
    }

    if (accepts.hires) {
      promised(
        `${title}: a second pass makes a larger picture, which its strength changes`,
        needs,
        async () => {
          const hires = { scale: 1.5, strength: 0.7 };
          const [first, again] = await run(requestOf(kind, { hires }), [7, 7]);
          const { width, height } = await sharp(
            await target.download(outputImage(first!)),
          ).metadata();
          expect([width, height]).toEqual([side * 1.5, side * 1.5]);
          const drawn = await pixelsOf(first);
          expect(await pixelsOf(again)).toBe(drawn);
          expect(await metadataOf(first)).toMatchObject({ hrf_enabled: true, hrf_strength: 0.7 });
          const weaker = { hires: { ...hires, strength: 0.3 } };
          expect(await pixels(requestOf(kind, weaker))).not.toBe(drawn);
          for (const wrong of [{ width: 60 }, { width: 100 }, { mode: "lanczos" }]) {
            const graph = buildGraph(requestOf(kind, { hires }));
            Object.assign(graph.nodes["large"]!, wrong);
            expect([wrong, (await enqueue(graph, [1])).answer.status]).toEqual([wrong, 422]);
          }
        },
      );
    }

    if (accepts.maxClipSkip > 0) {
      promised(`${title}: skipped layers change the picture`, needs, async () => {
        const plain = await pixels(requestOf(kind));
        const [item] = await run(requestOf(kind, { clipSkip: 1 }));
        expect(await pixelsOf(item)).not.toBe(plain);
        expect(await metadataOf(item)).toMatchObject({ clip_skip: 1 });
      });
    }

    promised(`${title}: each parameter that it takes changes the picture`, needs, async () => {
      const plain = await pixels(requestOf(kind));
      const { schedulers, cfgScale, guidance } = accepts;
      const other = schedulers.includes("ddim") ? "ddim" : schedulers[1];
      for (const overrides of [
        { steps: 4 },
        ...(takesNegative(base) ? [{ negativePrompt: "blurred" }] : []),
        ...(cfgScale ? [{ cfgScale: 3 }] : []),
        ...(guidance === false ? [] : [{ guidance: 2 }]),
        ...(other === undefined ? [] : [{ scheduler: other }]),
      ]) {
        expect([overrides, (await pixels(requestOf(kind, overrides))) === plain]).toEqual([
          overrides,
          false,
        ]);
      }
    });

    const known = accepts.since === undefined ? [] : [accepts.since];
    promised(`${title}: no field of a graph is dropped`, known, async () => {
      const graph = buildGraph(fullRequestFor(base, kind));
      const { batchId, answer } = await enqueue(graph, [1]);
      // Its models do not exist, so no picture is made, before or after the cancel.
      await target.call("PUT", `${target.queue}/cancel_by_batch_ids`, { batch_ids: [batchId] });
      expect(answer.status).toBe(200);
      expect(answer.json.batch.graph as Graph).toMatchObject(graph);
      const [item] = await target.finishedItems(batchId);
      expect(item?.status).toMatch(/^(canceled|failed)$/);
    });

    if (accepts.since !== undefined) {
      promised(`${title}: an older server refuses its graph`, ["6.13"], async () => {
        const { answer } = await enqueue(buildGraph(requestFor(base, { model: kind })), [1]);
        expect([answer.status, answer.json.detail[0].type]).toEqual([422, "union_tag_invalid"]);
      });
    }
  }

  for (const [title, base, capability, input, wrong] of [
    ["a CLIP encoder in place of T5", "flux", "flux/main", "t5_encoder_model", "clip_embed"],
    ["an encoder of another size", "flux2", "flux2/single", "qwen3_encoder_model", "qwen3_encoder"],
  ] as const) {
    promised(`${base}: ${title} is accepted, and fails while it runs`, [capability], async () => {
      const kind = everyMain.find(
        ([, main]) => main.base === base && main.format === "gguf_quantized",
      )![1];
      const graph = buildGraph(requestOf(kind));
      const right = graph.nodes["model"]?.[input] as { key: string };
      const other = models.all.find(({ type, key }) => type === wrong && key !== right.key);
      graph.nodes["model"] = { ...graph.nodes["model"]!, [input]: identify(other!) };
      const { batchId, answer } = await enqueue(graph, [1]);
      expect(answer.status).toBe(200);
      const [item] = await target.finishedItems(batchId);
      expect([item?.status, item?.error_type]).toEqual([
        "failed",
        expect.stringMatching(/TypeError|ValueError|AssertionError|Exception/),
      ]);
    });
  }
});

/** The graph with all nodes uncached, so that every output is computed. */
function uncached(graph: Graph): Graph {
  const nodes = Object.entries(graph.nodes).map(([id, node]) => [
    id,
    { ...node, use_cache: false },
  ]);
  return { ...graph, nodes: Object.fromEntries(nodes) as Graph["nodes"] };
}
