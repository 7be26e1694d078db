import { beforeAll, expect } from "bun:test";
import sharp from "sharp";
import { baseFacts } from "#activities/adapters/invokeai/bases";
import {
  buildGraph,
  type Graph,
  type GraphRequest,
  supportedBases,
} from "#activities/adapters/invokeai/graphs/index";
import {
  fullRequestFor,
  isUnet,
  requestFor,
  takesLoras,
  takesNegative,
  takesVae,
} from "#tests/support/graph-parts";
import { examine } from "./examine.ts";
import { dataOf } from "./graphs.ts";
import { type Item, type Model, newBatchId, outputImage } from "./target.ts";

// Runs the graphs of our builders on every server that has the models; on others they are validated and cancelled.

type Part = "vae" | "lora";

const side = 64;
const small = { width: side, height: side, steps: 8 };
// The longest allowed prompt would take a real encoder a minute; tests/unit/graph-shapes.test.ts builds it.
const longPrompt = `a (red:1.2) boat++, {calm|wild} sea, "quoted", 港の朝, שלום עולם, ${"waves and sails, ".repeat(30)}`;

await examine((target, promised) => {
  let models: Model[] = [];
  beforeAll(async () => {
    models = (await target.call("GET", "/api/v2/models/")).json.models as Model[];
  });

  function find(base: string, type: string, variant?: string): GraphRequest["model"] {
    const model = models.find(
      (each) =>
        each.base === base && each.type === type && (variant ?? each.variant) === each.variant,
    );
    if (!model) throw new Error(`The server has no ${type} of base ${base}`);
    const { key, hash, name, format } = model;
    const kind = (model.variant ?? null) as string | null;
    return { key, hash, name, base, type, format: String(format), variant: kind };
  }

  /** A small picture, with the server's own models. */
  function requestOf(base: string, overrides: Partial<GraphRequest> = {}): GraphRequest {
    const parts: Partial<GraphRequest> = {};
    if (base === "flux") {
      parts.vae = find("flux", "vae");
      parts.encoders = {
        t5: find("any", "t5_encoder"),
        clip: find("any", "clip_embed", "large"),
      };
    }
    const model = find(base, "main", base === "flux" ? "dev" : isUnet(base) ? "normal" : undefined);
    return requestFor(base, { ...small, model, ...parts, ...overrides });
  }

  const withPart = (base: string, type: Part): Partial<GraphRequest> =>
    type === "vae"
      ? { vae: find(base, "vae") }
      : { loras: [{ model: find(base, "lora"), weight: 0.8 }] };

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
    return new Bun.CryptoHasher("sha256").update(raw).digest("hex");
  }

  const pixels = async (request: GraphRequest) => pixelsOf((await run(request))[0]);

  async function metadataOf(item: Item | undefined) {
    const name = item && outputImage(item);
    return (await target.call("GET", `/api/v1/images/i/${name}/metadata`)).json as unknown;
  }

  for (const base of supportedBases) {
    const needs = [`${base}/main`];

    promised(
      `${base}: the same seed gives the same picture, another seed does not`,
      needs,
      async () => {
        const items = await run(requestOf(base), [7, 7, 8]);
        const [first, again, other] = await Promise.all(items.map(pixelsOf));
        expect(again).toBe(first!);
        expect(other).not.toBe(first);
        const { width, height } = await sharp(
          await target.download(outputImage(items[0]!)),
        ).metadata();
        expect([width, height]).toEqual([side, side]);
      },
    );

    promised(`${base}: image to image depends on the source and on strength`, needs, async () => {
      const [red, blue] = [await upload("#c22"), await upload("#22c")];
      const fromRed = await pixels(requestOf(base, { source: red }));
      expect(await pixels(requestOf(base, { source: blue }))).not.toBe(fromRed);
      expect(await pixels(requestOf(base, { source: { ...red, strength: 0.3 } }))).not.toBe(
        fromRed,
      );
      for (const strength of [0, 1]) {
        const [item] = await run(requestOf(base, { source: { ...red, strength } }));
        expect(item).toMatchObject({ status: "completed" });
      }
    });

    promised(`${base}: a prompt arrives unchanged, and its weights count`, needs, async () => {
      const negativePrompt = takesNegative(base) ? "(blurred)1.4, {one|two}" : "";
      const [item] = await run(requestOf(base, { prompt: longPrompt, negativePrompt }));
      expect(await metadataOf(item)).toMatchObject({
        positive_prompt: longPrompt,
        seed: 7,
        ...(takesNegative(base) && { negative_prompt: negativePrompt }),
      });
    });

    for (const part of ["vae", "lora"] as const) {
      // FLUX makes no picture without a VAE, so there is none to compare with.
      if (base === "flux" && part === "vae") continue;
      if (part === "vae" ? !takesVae(base) : !takesLoras(base)) continue;
      promised(
        `${base}: a chosen ${part} changes the picture and is in the metadata`,
        [...needs, `${base}/${part}`],
        async () => {
          const plain = await pixels(requestOf(base));
          const [item] = await run(requestOf(base, withPart(base, part)));
          expect(await pixelsOf(item)).not.toBe(plain);
          const { key } = find(base, part);
          expect(await metadataOf(item)).toMatchObject(
            part === "vae" ? { vae: { key } } : { loras: [{ model: { key }, weight: 0.8 }] },
          );
        },
      );
    }

    promised(`${base}: no field of a graph is dropped`, [], async () => {
      const { batchId, answer } = await enqueue(buildGraph(fullRequestFor(base)), [1]);
      // Its models do not exist, so no picture is made, before or after the cancel.
      await target.call("PUT", `${target.queue}/cancel_by_batch_ids`, { batch_ids: [batchId] });
      expect(answer.status).toBe(200);
      const understood = answer.json.batch.graph as Graph;
      expect(understood).toMatchObject(buildGraph(fullRequestFor(base)));
      const [item] = await target.finishedItems(batchId);
      expect(item?.status).toMatch(/^(canceled|failed)$/);
    });
  }

  for (const base of ["sd-1", "sd-2"]) {
    promised(`${base}: skipped layers change the picture`, [`${base}/main`], async () => {
      const plain = await pixels(requestOf(base));
      const [item] = await run(requestOf(base, { clipSkip: 1 }));
      expect(await pixelsOf(item)).not.toBe(plain);
      expect(await metadataOf(item)).toMatchObject({ clip_skip: 1 });
    });
  }

  for (const base of supportedBases) {
    promised(
      `${base}: each parameter that it takes changes the picture`,
      [`${base}/main`],
      async () => {
        const plain = await pixels(requestOf(base));
        const { schedulers, cfgScale } = baseFacts[base]!.accepts;
        const other = schedulers.includes("ddim") ? "ddim" : schedulers[1];
        for (const overrides of [
          { steps: 4 },
          ...(takesNegative(base) ? [{ negativePrompt: "blurred" }] : []),
          ...(cfgScale ? [{ cfgScale: 3 }] : []),
          ...(other === undefined ? [] : [{ scheduler: other }]),
        ]) {
          expect(await pixels(requestOf(base, overrides))).not.toBe(plain);
        }
      },
    );
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
