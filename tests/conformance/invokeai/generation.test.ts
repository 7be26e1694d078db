import { beforeAll, expect } from "bun:test";
import sharp from "sharp";
import { sha256Of } from "#sha256";
import { examine } from "./examine.ts";
import {
  dataOf,
  sd1Graph,
  sd1ImageGraph,
  sdxlGraph,
  withLora,
  withVae,
  type TestGraph,
} from "./graphs.ts";
import { newBatchId, outputImage, type Item, type Model } from "./target.ts";

await examine((target, promised, server) => {
  let model: Model;
  beforeAll(async () => {
    if (server.capabilities.has("sd-1/main")) model = await target.findModel("sd-1", "main");
  });
  async function run(toRun: TestGraph, seeds: number[] = [1]): Promise<Item[]> {
    const batchId = newBatchId();
    await target.enqueue({
      batch_id: batchId,
      data: [[dataOf("seed", "value", seeds)]],
      graph: toRun,
    });
    return target.finishedItems(batchId);
  }

  /** Hashes of the raw pixels of each item's picture. */
  async function pixels(items: Item[]): Promise<string[]> {
    return Promise.all(
      items.map(async (item) => {
        const raw = await sharp(await target.download(outputImage(item)))
          .raw()
          .toBuffer();
        return sha256Of(raw);
      }),
    );
  }

  /** The graph with all nodes uncached, so that every output is computed. */
  function uncached(toRun: TestGraph): TestGraph {
    const nodes = Object.entries(toRun.nodes).map(([id, node]) => [
      id,
      { ...node, use_cache: false },
    ]);
    return { ...toRun, nodes: Object.fromEntries(nodes) as TestGraph["nodes"] };
  }

  promised(
    "text to image makes a picture of the requested size, with its seed in the metadata",
    ["sd-1/main"],
    async () => {
      const items = await run(sd1Graph(model, { width: 96, height: 64 }), [11, 12]);
      expect(items.map(({ status }) => status)).toEqual(["completed", "completed"]);
      const [, second] = items.map(outputImage);
      const { width, height } = await sharp(await target.download(second ?? "")).metadata();
      expect([width, height]).toEqual([96, 64]);
      const { json } = await target.call("GET", `/api/v1/images/i/${second}/metadata`);
      expect(json).toMatchObject({
        seed: 12,
        positive_prompt: "a red boat",
        negative_prompt: "",
        generation_mode: "txt2img",
      });
      expect(json.app_version).toMatch(/^6\./);
    },
  );

  promised(
    "prompts may differ by item, zipped with their seeds, whatever their characters",
    ["sd-1/main"],
    async () => {
      const prompts = ["a blue boat", 'a {red|blue} "boat", __sky__ \\ é 🚤', "1", ""];
      const negatives = ["blur", "", "0.5", "{}"];
      const batchId = newBatchId();
      const seeds = [21, 22, 23, 24];
      await target.enqueue({
        batch_id: batchId,
        data: [
          [
            dataOf("seed", "value", seeds),
            dataOf("pos", "value", prompts),
            dataOf("neg", "value", negatives),
          ],
        ],
        graph: sd1Graph(model),
      });
      const items = await target.finishedItems(batchId);
      expect(items.map(({ status }) => status)).toEqual(items.map(() => "completed"));
      for (const [at, item] of items.entries()) {
        const { json } = await target.call("GET", `/api/v1/images/i/${outputImage(item)}/metadata`);
        expect(json).toMatchObject({
          seed: seeds[at],
          positive_prompt: prompts[at],
          negative_prompt: negatives[at],
        });
      }
    },
  );

  promised(
    "same seed and graph give the same pixels, another seed or prompt does not",
    ["sd-1/main"],
    async () => {
      const same = uncached(sd1Graph(model));
      const [first, again, other] = await pixels(await run(same, [5, 5, 6]));
      const [prompted] = await pixels(
        await run(uncached(sd1Graph(model, { prompt: "a green hill" })), [5]),
      );
      expect(again).toBe(first ?? "");
      expect(other).not.toBe(first);
      expect(prompted).not.toBe(first);
    },
  );

  promised("seeds count modulo 2^32", ["sd-1/main"], async () => {
    const [small, wrapped] = await pixels(await run(uncached(sd1Graph(model)), [5, 5 + 2 ** 32]));
    expect(wrapped).toBe(small ?? "");
  });

  promised(
    "a cached output names the same image, an uncached one a new image",
    ["sd-1/main"],
    async () => {
      const cached = sd1Graph(model, { prompt: `cached ${newBatchId()}` });
      cached.nodes.out = { ...cached.nodes.out, use_cache: true };
      const [one, two] = (await run(cached, [3, 3])).map(outputImage);
      expect(two).toBe(one ?? "");
      const fresh = sd1Graph(model, { prompt: `fresh ${newBatchId()}` });
      const [three, four] = (await run(fresh, [3, 3])).map(outputImage);
      expect(four).not.toBe(three);
    },
  );

  promised(
    "image to image depends on its source, and helper nodes make images too",
    ["sd-1/main"],
    async () => {
      const upload = async (colour: string) => {
        const bytes = await sharp({
          create: { width: 80, height: 64, channels: 3, background: colour },
        })
          .png()
          .toBuffer();
        return (await target.upload(bytes)).json.image_name as string;
      };
      const [red, blue] = [await upload("#c22"), await upload("#22c")];
      const fromRed = await run(uncached(sd1ImageGraph(model, red, 0.6)));
      const fromBlue = await run(uncached(sd1ImageGraph(model, blue, 0.6)));
      expect((await pixels(fromRed))[0]).not.toBe((await pixels(fromBlue))[0]);
      const helper = fromRed[0]?.session.source_prepared_mapping.rin?.[0] ?? "";
      const resized = fromRed[0]?.session.results[helper]?.image?.image_name;
      const { json } = await target.call("GET", `/api/v1/images/i/${resized}`);
      expect(json).toMatchObject({ width: 64, height: 64, is_intermediate: true });
    },
  );

  promised("noise and latents of different size fail the item", ["sd-1/main"], async () => {
    const bytes = await sharp({
      create: { width: 128, height: 128, channels: 3, background: "#555" },
    })
      .png()
      .toBuffer();
    const { json } = await target.upload(bytes);
    const wrong = sd1ImageGraph(model, json.image_name, 0.5);
    wrong.nodes.rin = { ...wrong.nodes.rin, width: 128, height: 128 };
    const [item] = await run(wrong);
    expect(item?.error_type).toBe("ValueError");
    expect(item?.error_message).toContain("Incompatible 'noise' and 'latents' shapes");
  });

  promised(
    "a LoRA and another VAE each change the pixels",
    ["sd-1/main", "sd-1/vae", "sd-1/lora"],
    async () => {
      const lora = await target.findModel("sd-1", "lora");
      const vae = await target.findModel("sd-1", "vae");
      const base = sd1Graph(model);
      const [plain] = await pixels(await run(uncached(base)));
      const [styled] = await pixels(await run(uncached(withLora(base, lora, 0.8))));
      const [decoded] = await pixels(await run(uncached(withVae(base, vae))));
      expect(styled).not.toBe(plain);
      expect(decoded).not.toBe(plain);
    },
  );

  promised("SDXL runs with its own loader and prompt nodes", ["sdxl/main"], async () => {
    const [item] = await run(sdxlGraph(await target.findModel("sdxl", "main")));
    expect(item).toMatchObject({ status: "completed" });
  });

  promised(
    "an SDXL model in the SD-1 loader fails the item",
    ["sd-1/main", "sdxl/main"],
    async () => {
      const [item] = await run(sd1Graph(await target.findModel("sdxl", "main")));
      expect(item?.status).toBe("failed");
      expect(item?.error_type).toMatch(/^(TypeError|ValueError)$/);
    },
  );

  promised("an unknown model key fails the item by name", ["sd-1/main"], async () => {
    const [item] = await run(sd1Graph({ ...model, key: "nobody" }));
    expect(item).toMatchObject({ status: "failed", error_type: "Exception" });
    expect(item?.error_message).toContain("Unknown model");
  });

  promised(
    "a canceled item keeps the results of the nodes that had finished",
    ["sd-1/main"],
    async () => {
      const slow = uncached(sd1Graph(model, { width: 256, height: 256, steps: 400 }));
      const batchId = newBatchId();
      const { socket, seen } = await target.listen();
      await target.enqueue({ batch_id: batchId, graph: slow });
      // While denoising, so the nodes before it have finished.
      await target.until(
        async () =>
          seen.filter(
            ({ name, payload }) =>
              name === "invocation_progress" &&
              payload.batch_id === batchId &&
              payload.invocation_source_id === "denoise",
          ).length,
        (count) => count > 0,
      );
      socket.close();
      await target.call("PUT", `${target.queue}/cancel_by_batch_ids`, { batch_ids: [batchId] });
      const look = async () => (await target.finishedItems(batchId))[0];
      const item = await target.until(
        look,
        (seen) => seen?.status !== "canceled" || Object.keys(seen.session.results).length > 0,
      );
      expect(item?.status).toBe("canceled");
      expect(() => item && outputImage(item)).toThrow("has no image");
    },
  );
});
