import { expect } from "bun:test";
import sharp from "sharp";
import { buildUpscaleGraph } from "#activities/adapters/invokeai/graphs/index";
import { speckled } from "#tests/support/painted-source";
import { examine } from "./examine.ts";
import { dataOf } from "./graphs.ts";
import { newBatchId, outputImage } from "./target.ts";

await examine((target, promised) => {
  promised(
    "a picture is enlarged by a factor below that of the model, to whole pixels",
    ["any/spandrel_image_to_image"],
    async () => {
      const model = await target.findModel("any", "spandrel_image_to_image");
      const imageName = (await target.upload(await speckled(90, 61))).json.image_name as string;
      const scale = 225.001 / 90;
      const size = { width: 90, height: 61 };
      const graph = buildUpscaleGraph({ model, imageName, prompt: "a boat", scale, ...size });
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
});
