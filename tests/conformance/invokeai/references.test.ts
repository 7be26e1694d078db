import { beforeAll, expect } from "bun:test";
import sharp from "sharp";
import { factsOf } from "#activities/adapters/invokeai/bases";
import {
  buildGraph,
  type Graph,
  type GraphReference,
  type GraphRequest,
} from "#activities/adapters/invokeai/graphs/index";
import type { MainModel } from "#activities/adapters/invokeai/types";
import { fitOf, type ModelNeed } from "#generation-parameters";
import { adapterKinds, readerOf } from "#generation-references";
import { sha256Of } from "#sha256";
import { everyMain, mainOf, requestFor } from "#tests/support/graph-parts";
import { examineDrawing } from "./examine.ts";
import { type FoundModels, readModels } from "./found-models.ts";
import { dataOf } from "./graphs.ts";
import { capabilityOf } from "./servers.ts";
import { newBatchId, outputImage } from "./target.ts";

// Draws with the references of every role, on every server that has the models. tests/conformance/invokeai/graph-builders.test.ts
// has the others validated.

const size = { width: 64, height: 64 };

await examineDrawing((target, promised) => {
  let models: FoundModels;
  beforeAll(async () => {
    models = await readModels(target);
  });

  /** Stripes of a colour on black: not one of the pictures has the edges of another. */
  async function upload(colour: string, stripe: number): Promise<string> {
    const bar = {
      create: { width: stripe, height: 64, channels: 3 as const, background: colour },
    };
    const bytes = await sharp({ create: { ...size, channels: 3, background: "#000" } })
      .composite([
        { input: bar, left: 0, top: 0 },
        { input: bar, left: 32, top: 0 },
      ])
      .png()
      .toBuffer();
    return (await target.upload(bytes)).json.image_name as string;
  }

  async function enqueue(graph: Graph) {
    const batchId = newBatchId();
    const data = [[dataOf("seed", "value", [7]), dataOf("slot", "value", [0])]];
    return { batchId, answer: await target.enqueue({ batch_id: batchId, data, graph }) };
  }

  /** The pixels, of nodes that are all computed. */
  async function draw(
    kind: MainModel,
    overrides: Partial<GraphRequest>,
    change: (graph: Graph) => Graph = (graph) => graph,
  ): Promise<string> {
    const found = models.mainLike(kind);
    const request = { ...size, steps: 4, ...found, ...overrides };
    const graph = uncached(change(buildGraph(requestFor(found.model.base, request))));
    const { batchId, answer } = await enqueue(graph);
    expect([answer.status, answer.json.enqueued]).toEqual([200, 1]);
    // A field that the server does not know would be dropped.
    expect(answer.json.batch.graph).toMatchObject(graph);
    const [item] = await target.finishedItems(batchId);
    expect([item?.status, item?.error_message ?? null]).toEqual(["completed", null]);
    const raw = sharp(await target.download(outputImage(item!))).raw();
    return sha256Of(await raw.toBuffer());
  }

  function adapterFor(need: ModelNeed): MainModel {
    const found = models.all.find((model) => fitOf(need, model) !== undefined);
    if (!found) throw new Error(`The server has no ${need.title}`);
    return found;
  }

  for (const [title, kind] of everyMain) {
    const { references } = factsOf(kind)!.accepts;
    for (const { role, adapters } of references) {
      for (const need of adapters) {
        const reader = readerOf({ type: need.type, base: kind.base, name: "" });
        const needs = [need, ...(reader ? [reader] : [])].map(
          ({ type, bases }) => `${bases[0]}/${type}`,
        );
        promised(
          `${title}: a reference of role ${role} by ${need.type} shows through, by its weight and range`,
          [capabilityOf(kind), ...needs],
          async () => {
            const shared = { role, size, adapter: adapterFor(need), weight: 1 };
            const red: GraphReference = { ...shared, imageName: await upload("#c22", 8) };
            const blue = { ...shared, imageName: await upload("#22c", 20) };
            await draw(kind, { references: [red] });
            const drawWith = (reference: GraphReference) =>
              draw(kind, { references: [reference] }, inAllBlocks);
            const drawn = await drawWith(red);
            expect(drawn).not.toBe(await draw(kind, {}));
            expect(await drawWith(red)).toBe(drawn);
            expect(await drawWith(blue)).not.toBe(drawn);
            expect(await drawWith({ ...red, weight: 0.4 })).not.toBe(drawn);
            if (adapterKinds[need.type]?.usualEnd !== undefined) {
              expect(await drawWith({ ...red, begin: 0.5, end: 1 })).not.toBe(drawn);
            }
            if (role === "control") {
              expect(await drawWith({ ...red, preprocessor: "canny" })).not.toBe(drawn);
            }
          },
        );
      }
      if (adapters.length > 0) continue;
      promised(`${title}: edits its references, in their order`, [capabilityOf(kind)], async () => {
        const red: GraphReference = {
          role,
          size,
          adapter: null,
          imageName: await upload("#c22", 8),
        };
        const blue = { ...red, imageName: await upload("#22c", 20) };
        const drawn = await draw(kind, { references: [red] });
        expect(drawn).not.toBe(await draw(kind, {}));
        const drawnBlue = await draw(kind, { references: [blue] });
        expect(drawnBlue).not.toBe(drawn);
        const both = await draw(kind, { references: [red, blue] });
        expect([drawn, drawnBlue]).not.toContain(both);
        expect(await draw(kind, { references: [blue, red] })).not.toBe(both);
      });
    }
  }

  for (const preprocessor of ["canny", "color_map", "shuffle", "face"] as const) {
    promised(
      `the control map ${preprocessor} is made without weights`,
      [capabilityOf(mainOf("sd-1")), "sd-1/controlnet"],
      async () => {
        const [need] = factsOf(mainOf("sd-1"))!.accepts.references.find(
          ({ role }) => role === "control",
        )!.adapters;
        const imageName = await upload("#2c2", 12);
        const adapter = adapterFor(need!);
        await draw(mainOf("sd-1"), {
          references: [{ role: "control", size, adapter, imageName, weight: 1, preprocessor }],
        });
      },
    );
  }

  for (const [fault, broken] of [
    ["a weight above 2", { control_weight: 2.5 }],
    ["a begin after the end", { begin_step_percent: 0.9, end_step_percent: 0.1 }],
    ["an unknown way of resizing", { resize_mode: "somehow" }],
  ] as const) {
    promised(`a control with ${fault} is refused`, [], async () => {
      const model = mainOf("sd-1");
      const adapter = { ...model, type: "controlnet" };
      const graph = buildGraph(
        requestFor("sd-1", {
          ...size,
          references: [{ role: "control", size, adapter, imageName: "none.png" }],
        }),
      );
      graph.nodes["ref0"] = { ...graph.nodes["ref0"]!, ...broken };
      const { answer } = await enqueue(graph);
      expect(answer.status).toBe(422);
    });
  }
});

/** The small networks of a server for tests lack the blocks of an IP-Adapter's `style`; it has another with more. */
function inAllBlocks(graph: Graph): Graph {
  const node = graph.nodes["ref0"];
  if (node?.["method"] !== "style") return graph;
  return { ...graph, nodes: { ...graph.nodes, ref0: { ...node, method: "style_strong" } } };
}

/** The graph with all nodes uncached, so that every output is computed. */
function uncached(graph: Graph): Graph {
  const nodes = Object.entries(graph.nodes).map(([id, node]) => [
    id,
    { ...node, use_cache: false },
  ]);
  return { ...graph, nodes: Object.fromEntries(nodes) as Graph["nodes"] };
}
