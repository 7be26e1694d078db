import { beforeAll, expect } from "bun:test";
import sharp from "sharp";
import { factsOf } from "#activities/adapters/invokeai/bases";
import { buildGraph } from "#activities/adapters/invokeai/graphs/index";
import type { MainModel } from "#activities/adapters/invokeai/types";
import type { MaskFill, Painting, Region } from "#generation-parameters";
import { canvasOf } from "#media/pictures/painting";
import { everyMain, fluxFill, mainOf, requestFor } from "#tests/support/graph-parts";
import { boxMask, differences, partsOf, speckled } from "#tests/support/painted-source";
import { examineDrawing } from "./examine.ts";
import { type FoundModels, readModels } from "./found-models.ts";
import { dataOf } from "./graphs.ts";
import { capabilityOf } from "./servers.ts";
import { newBatchId, outputImage } from "./target.ts";

// Paints a part of a picture with the graphs of our builders, on every server that has the models.

const box = { x: 24, y: 16, width: 32, height: 24 };
/** InvokeAI scales these to 96 × 64. */
const odd = { width: 90, height: 61 };
const plain = mainOf("sd-1");

await examineDrawing((target, promised) => {
  let models: FoundModels;
  let picture: Buffer;
  beforeAll(async () => {
    models = await readModels(target);
    picture = await speckled(96, 96);
  });

  const upload = async (png: Uint8Array) => (await target.upload(png)).json.image_name as string;

  /** Paints a part of a picture; returns the result. */
  async function paint(
    kind: MainModel,
    source: Buffer,
    change: Painting & { mask?: Buffer; work: { width: number; height: number } },
  ): Promise<Buffer> {
    const parts = await partsOf(source, change);
    const { width, height } = await sharp(source).metadata();
    const whole: Region = { ...canvasOf({ width, height }, change), x: 0, y: 0 };
    const found = models.mainLike(kind);
    const request = requestFor(found.model.base, {
      ...found,
      steps: 4,
      ...change.work,
      source: {
        imageName: await upload(parts.work),
        ...change.work,
        strength: 0.9,
        part: {
          isExpanded: change.expand !== undefined,
          fill: change.maskFill ?? "source",
          mask: await upload(parts.mask),
          base: await upload(parts.base),
          blend: await upload(parts.blend),
          canvas: parts.canvas && (await upload(parts.canvas)),
          region: change.region ?? whole,
        },
      },
    });
    const batchId = newBatchId();
    const data = [[dataOf("seed", "value", [7]), dataOf("slot", "value", [0])]];
    const graph = buildGraph(request);
    const answer = await target.enqueue({ batch_id: batchId, data, graph });
    expect([answer.status, answer.json.enqueued]).toEqual([200, 1]);
    // A field that the server does not know would be dropped.
    expect(answer.json.batch.graph).toMatchObject(graph);
    const [item] = await target.finishedItems(batchId);
    return target.download(outputImage(item!));
  }

  for (const [title, kind] of [...everyMain, fluxFill]) {
    if (!factsOf(kind)!.accepts.inpaint) continue;
    const needs = [capabilityOf(kind)];
    // CogView4 needs multiples of 32.
    const work = { width: 96, height: 96 };

    promised(`${title}: untouched pixels are equal, painted ones change`, needs, async () => {
      const result = await paint(kind, picture, { mask: await boxMask(96, 96, box), work });
      const { inside, outside } = await differences(picture, result, { box, x: 0, y: 0 });
      expect(outside).toBe(0);
      expect(inside).toBeGreaterThan((box.width * box.height) / 2);
    });

    promised(`${title}: an expanded picture holds the old one unchanged`, needs, async () => {
      const expand = { top: 0, right: 32, bottom: 0, left: 32 };
      const wide = { width: 160, height: 96 };
      const result = await paint(kind, picture, { expand, work: wide });
      const { width, height } = await sharp(result).metadata();
      expect([width, height]).toEqual([160, 96]);
      const { inside, outside } = await differences(picture, result, {
        box: { x: 0, y: 0, width: 0, height: 0 },
        x: 32,
        y: 0,
      });
      expect([inside, outside]).toEqual([0, 0]);
      const black = await sharp(result)
        .extract({ left: 0, top: 0, width: 32, height: 96 })
        .removeAlpha()
        .stats();
      expect(Math.max(...black.channels.map(({ max }) => max))).toBeGreaterThan(0);
    });

    promised(
      `${title}: a source off the grid is scaled for painting and not beyond`,
      needs,
      async () => {
        const source = await speckled(odd.width, odd.height);
        const mask = await boxMask(odd.width, odd.height, box);
        const result = await paint(kind, source, { mask, work: { width: 96, height: 64 } });
        const { width, height } = await sharp(result).metadata();
        expect([width, height]).toEqual([odd.width, odd.height]);
        expect((await differences(source, result, { box, x: 0, y: 0 })).outside).toBe(0);
      },
    );
  }

  promised(
    "only the region is painted, and pasted where it belongs",
    [capabilityOf(plain)],
    async () => {
      const region = { x: 16, y: 8, width: 48, height: 40 };
      const mask = await boxMask(96, 96, { x: 0, y: 0, width: 96, height: 96 });
      const result = await paint(plain, picture, { mask, region, work: { width: 96, height: 80 } });
      const { inside, outside } = await differences(picture, result, { box: region, x: 0, y: 0 });
      expect(outside).toBe(0);
      expect(inside).toBeGreaterThan((region.width * region.height) / 2);
    },
  );

  for (const maskFill of ["source", "cv2", "tile", "patchmatch", "noise"] satisfies MaskFill[]) {
    promised(
      `the fill ${maskFill} paints inside the mask only`,
      [capabilityOf(plain)],
      async () => {
        const mask = await boxMask(96, 96, box);
        const work = { width: 96, height: 96 };
        const result = await paint(plain, picture, { mask, maskFill, work });
        const { inside, outside } = await differences(picture, result, { box, x: 0, y: 0 });
        expect(outside).toBe(0);
        expect(inside).toBeGreaterThan(0);
      },
    );
  }

  const [, fill] = fluxFill;
  const dev = mainOf("flux");
  promised(
    "FLUX Fill fails without its conditioning, and another FLUX model with it",
    [capabilityOf(fill), capabilityOf(dev)],
    async () => {
      const mask = await upload(await boxMask(96, 96, box));
      const size = { width: 96, height: 96 };
      const source = { imageName: await upload(picture), ...size, strength: 1 };
      const pictures = { mask, base: source.imageName, blend: mask, canvas: null };
      const part = { isExpanded: false, fill: "source" as const, ...pictures, region: box };
      const graph = buildGraph(
        requestFor("flux", {
          ...models.mainLike(fill),
          steps: 2,
          ...size,
          source: { ...source, part: { ...part, region: { x: 0, y: 0, ...size } } },
        }),
      );
      const without = structuredClone(graph);
      without.edges = without.edges.filter(
        ({ destination }) => destination.field !== "fill_conditioning",
      );
      const other = structuredClone(graph);
      const plain = buildGraph(requestFor("flux", models.mainLike(dev)));
      other.nodes["model"] = plain.nodes["model"]!;
      for (const wrong of [without, other]) {
        const batchId = newBatchId();
        const data = [[dataOf("seed", "value", [7]), dataOf("slot", "value", [0])]];
        const answer = await target.enqueue({ batch_id: batchId, data, graph: wrong });
        expect(answer.status).toBe(200);
        const [item] = await target.finishedItems(batchId);
        expect([item?.status, item?.error_type]).toEqual(["failed", "ValueError"]);
        expect(item?.error_message).toContain("fill_conditioning");
      }
      const data = [[dataOf("seed", "value", [7]), dataOf("slot", "value", [0])]];
      const outOfRange = structuredClone(graph);
      outOfRange.nodes["fmask"]!["cutoff"] = 256;
      const refused = await target.enqueue({ batch_id: newBatchId(), data, graph: outOfRange });
      expect(refused.status).toBe(422);
    },
  );
});
