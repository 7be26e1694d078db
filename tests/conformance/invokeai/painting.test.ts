import { beforeAll, expect } from "bun:test";
import sharp from "sharp";
import {
  buildGraph,
  type GraphRequest,
  supportedBases,
} from "#activities/adapters/invokeai/graphs/index";
import type { MaskFill, Painting, Region } from "#generation-parameters";
import { canvasOf } from "#media/pictures/painting";
import { isUnet, requestFor } from "#tests/support/graph-parts";
import { boxMask, differences, partsOf, speckled } from "#tests/support/painted-source";
import { examine } from "./examine.ts";
import { dataOf } from "./graphs.ts";
import { type Model, newBatchId, outputImage } from "./target.ts";

// Paints a part of a picture with the graphs of our builders, on every server that has the models.

const box = { x: 24, y: 16, width: 32, height: 24 };
/** InvokeAI scales these to 96 × 64. */
const odd = { width: 90, height: 61 };

await examine((target, promised) => {
  let models: Model[] = [];
  let picture: Buffer;
  beforeAll(async () => {
    models = (await target.call("GET", "/api/v2/models/")).json.models as Model[];
    picture = await speckled(96, 96);
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

  function requestOf(base: string, overrides: Partial<GraphRequest>): GraphRequest {
    const parts: Partial<GraphRequest> = {};
    if (base === "flux") {
      parts.vae = find("flux", "vae");
      parts.encoders = { t5: find("any", "t5_encoder"), clip: find("any", "clip_embed", "large") };
    }
    const variant = base === "flux" ? "dev" : isUnet(base) ? "normal" : undefined;
    const model = find(base, "main", variant);
    return requestFor(base, { steps: 4, model, ...parts, ...overrides });
  }

  const upload = async (png: Uint8Array) => (await target.upload(png)).json.image_name as string;

  /** Paints a part of a picture; returns the result. */
  async function paint(
    base: string,
    source: Buffer,
    change: Painting & { mask?: Buffer; work: { width: number; height: number } },
  ): Promise<Buffer> {
    const parts = await partsOf(source, change);
    const { width, height } = await sharp(source).metadata();
    const whole: Region = { ...canvasOf({ width, height }, change), x: 0, y: 0 };
    const request = requestOf(base, {
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

  for (const base of supportedBases) {
    const needs = [`${base}/main`];
    // CogView4 needs multiples of 32.
    const work = { width: 96, height: 96 };

    promised(`${base}: untouched pixels are equal, painted ones change`, needs, async () => {
      const result = await paint(base, picture, { mask: await boxMask(96, 96, box), work });
      const { inside, outside } = await differences(picture, result, { box, x: 0, y: 0 });
      expect(outside).toBe(0);
      expect(inside).toBeGreaterThan((box.width * box.height) / 2);
    });

    promised(`${base}: an expanded picture holds the old one unchanged`, needs, async () => {
      const expand = { top: 0, right: 32, bottom: 0, left: 32 };
      const wide = { width: 160, height: 96 };
      const result = await paint(base, picture, { expand, work: wide });
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
      `${base}: a source off the grid is scaled for painting and not beyond`,
      needs,
      async () => {
        const source = await speckled(odd.width, odd.height);
        const mask = await boxMask(odd.width, odd.height, box);
        const result = await paint(base, source, { mask, work: { width: 96, height: 64 } });
        const { width, height } = await sharp(result).metadata();
        expect([width, height]).toEqual([odd.width, odd.height]);
        expect((await differences(source, result, { box, x: 0, y: 0 })).outside).toBe(0);
      },
    );
  }

  promised("only the region is painted, and pasted where it belongs", ["sd-1/main"], async () => {
    const region = { x: 16, y: 8, width: 48, height: 40 };
    const mask = await boxMask(96, 96, { x: 0, y: 0, width: 96, height: 96 });
    const result = await paint("sd-1", picture, { mask, region, work: { width: 96, height: 80 } });
    const { inside, outside } = await differences(picture, result, { box: region, x: 0, y: 0 });
    expect(outside).toBe(0);
    expect(inside).toBeGreaterThan((region.width * region.height) / 2);
  });

  for (const maskFill of ["source", "cv2", "tile", "patchmatch", "noise"] satisfies MaskFill[]) {
    promised(`the fill ${maskFill} paints inside the mask only`, ["sd-1/main"], async () => {
      const mask = await boxMask(96, 96, box);
      const work = { width: 96, height: 96 };
      const result = await paint("sd-1", picture, { mask, maskFill, work });
      const { inside, outside } = await differences(picture, result, { box, x: 0, y: 0 });
      expect(outside).toBe(0);
      expect(inside).toBeGreaterThan(0);
    });
  }
});
