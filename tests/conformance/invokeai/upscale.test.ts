import { expect } from "bun:test";
import sharp from "sharp";
import {
  buildRepaintGraph,
  buildUpscaleGraph,
  type Graph,
} from "#activities/adapters/invokeai/graphs/index";
import { speckled } from "#tests/support/painted-source";
import { examineDrawing } from "./examine.ts";
import { readModels } from "./found-models.ts";
import { dataOf } from "./graphs.ts";
import { newBatchId, outputImage } from "./target.ts";

await examineDrawing((target, promised) => {
  promised(
    "a picture is enlarged by a factor below that of the model, to whole pixels",
    ["any/spandrel_image_to_image"],
    async () => {
      const model = await target.findModel("any", "spandrel_image_to_image");
      const imageName = (await target.upload(await speckled(90, 61))).json.image_name as string;
      const scale = 225.001 / 90;
      const picture = { imageName, prompt: "a boat", scale, width: 90, height: 61 };
      const { graph } = buildUpscaleGraph({ model, pictures: [picture] });
      const batchId = newBatchId();
      const data = [[dataOf("seed", "value", [0]), dataOf("slot", "value", [0])]];
      const answer = await target.enqueue({ batch_id: batchId, data, graph });
      expect([answer.status, answer.json.enqueued]).toEqual([200, 1]);
      expect(answer.json.batch.graph).toMatchObject(graph);
      const [item] = await target.finishedItems(batchId);
      const name = outputImage(item!);
      const { width, height } = await sharp(await target.download(name)).metadata();
      expect([width, height]).toEqual([225, 152]);
      const { json } = await target.call("GET", `/api/v1/images/i/${name}/metadata`);
      expect(json).toMatchObject({ seed: 0, positive_prompt: "a boat", upscale_scale: scale });
    },
  );

  promised(
    "several pictures are one batch: each item enlarges its own, by its own factor",
    ["any/spandrel_image_to_image"],
    async () => {
      const model = await target.findModel("any", "spandrel_image_to_image");
      const upload = async (width: number, height: number, prompt: string, scale: number) => ({
        imageName: (await target.upload(await speckled(width, height))).json.image_name as string,
        prompt,
        scale,
        width,
        height,
      });
      const pictures = [
        await upload(64, 72, "a boat", 2),
        await upload(90, 61, "", 135.001 / 90),
      ] as const;
      const { graph, values } = buildUpscaleGraph({ model, pictures });
      const batchId = newBatchId();
      const data = [
        [
          dataOf("seed", "value", [0, 1]),
          dataOf("slot", "value", [0, 1]),
          ...values.map((list) => dataOf(list.node, list.field, list.values)),
        ],
      ];
      const answer = await target.enqueue({ batch_id: batchId, data, graph });
      expect([answer.status, answer.json.enqueued]).toEqual([200, 2]);
      const items = await target.finishedItems(batchId);
      const made = await Promise.all(
        items.map(async (item) => {
          const name = outputImage(item);
          const { width, height } = await sharp(await target.download(name)).metadata();
          const { json } = await target.call("GET", `/api/v1/images/i/${name}/metadata`);
          return { seed: json.seed as number, width, height, json };
        }),
      );
      const [first, second] = made.toSorted((a, b) => a.seed - b.seed);
      expect(first).toMatchObject({ width: 128, height: 144 });
      expect(second).toMatchObject({ width: 135, height: 91 });
      expect(first?.json).toMatchObject({ positive_prompt: "a boat", width: 128, height: 144 });
      expect(second?.json).toMatchObject({
        width: 135,
        height: 91,
        init_image: pictures[1].imageName,
      });
    },
  );

  for (const base of ["sd-1", "sdxl"]) {
    promised(
      `${base}: an enlarged picture is painted again in tiles, by its creativity`,
      ["any/spandrel_image_to_image", `${base}/main`, `${base}/controlnet`],
      async () => {
        const { all } = await readModels(target);
        const main = all.find((model) => model.base === base && model.variant === "normal")!;
        const size = { width: 96, height: 64 };
        const request = {
          upscaler: await target.findModel("any", "spandrel_image_to_image"),
          control: await target.findModel(base, "controlnet"),
          main,
          imageName: (await target.upload(await speckled(96, 64))).json.image_name as string,
          prompt: "a boat",
          scale: 1.5,
          ...size,
          steps: 4,
          cfgScale: 2,
          scheduler: "kdpm_2",
        };
        const pictures: Buffer[] = [];
        for (const creativity of [0.5, 1]) {
          const graph = buildRepaintGraph({ ...request, creativity });
          const batchId = newBatchId();
          const data = [[dataOf("seed", "value", [7]), dataOf("slot", "value", [0])]];
          const answer = await target.enqueue({ batch_id: batchId, data, graph });
          expect([answer.status, answer.json.enqueued]).toEqual([200, 1]);
          expect(answer.json.batch.graph).toMatchObject(graph);
          const [item] = await target.finishedItems(batchId);
          const name = outputImage(item!);
          pictures.push(
            await sharp(await target.download(name))
              .raw()
              .toBuffer(),
          );
          const { width, height } = await sharp(await target.download(name)).metadata();
          expect([width, height]).toEqual([144, 96]);
          const { json } = await target.call("GET", `/api/v1/images/i/${name}/metadata`);
          expect(json).toMatchObject({ seed: 7, positive_prompt: "a boat", upscale_scale: 1.5 });
        }
        expect(pictures[0]!.equals(pictures[1]!)).toBe(false);
      },
    );
  }

  promised(
    "a graph of tiles is refused with lists of prompts, weights or sizes that do not fit",
    ["any/spandrel_image_to_image", "sd-1/main", "sd-1/controlnet"],
    async () => {
      const { all } = await readModels(target);
      const graph = buildRepaintGraph({
        upscaler: await target.findModel("any", "spandrel_image_to_image"),
        control: await target.findModel("sd-1", "controlnet"),
        main: all.find((model) => model.base === "sd-1" && model.variant === "normal")!,
        imageName: (await target.upload(await speckled(64, 64))).json.image_name as string,
        prompt: "",
        scale: 1.5,
        width: 64,
        height: 64,
        creativity: 1,
        steps: 2,
        cfgScale: 2,
        scheduler: "euler",
      });
      const data = [[dataOf("seed", "value", [7]), dataOf("slot", "value", [0])]];
      const send = async (change: (changed: Graph) => void) => {
        const changed = structuredClone(graph);
        change(changed);
        const batchId = newBatchId();
        return {
          batchId,
          answer: await target.enqueue({ batch_id: batchId, data, graph: changed }),
        };
      };
      for (const change of [
        ({ nodes }: Graph) => void (nodes["control0"]!["control_weight"] = 2.5),
        ({ nodes }: Graph) => void (nodes["control0"]!["end_step_percent"] = 1.1),
        ({ nodes }: Graph) => void (nodes["denoise"]!["tile_width"] = 60),
        ({ nodes }: Graph) => void (nodes["denoise"]!["tile_overlap"] = 0),
        ({ nodes }: Graph) => void (nodes["denoise"]!["cfg_scale"] = 0.5),
        ({ nodes }: Graph) => void (nodes["sharp"]!["radius"] = 0),
        ({ nodes, edges }: Graph) => {
          nodes["pcc"] = { id: "pcc", type: "collect", is_intermediate: true };
          const edge = edges.find(
            ({ destination }) => destination.field === "positive_conditioning",
          )!;
          edges.push({ source: edge.source, destination: { node_id: "pcc", field: "item" } });
          edge.source = { node_id: "pcc", field: "collection" };
        },
      ]) {
        expect((await send(change)).answer.status).toBe(422);
      }
      // Larger than the picture: accepted, and fails.
      const { batchId, answer } = await send(({ nodes }) => {
        Object.assign(nodes["denoise"]!, { tile_width: 512, tile_height: 512, tile_overlap: 512 });
      });
      expect(answer.status).toBe(200);
      const [item] = await target.finishedItems(batchId);
      expect([item?.status, item?.error_type]).toEqual(["failed", "AssertionError"]);
    },
  );
});
