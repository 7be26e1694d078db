import { describe, expect, test } from "bun:test";
import {
  buildGraph,
  buildUpscaleGraph,
  type PaintedPart,
  parseRecordedGraph,
  replayGraph,
  supportedBases,
} from "#activities/adapters/invokeai/graphs/index";
import { readerOf } from "#generation-references";
import { verdictOn } from "#activities/reproduction/verdict";
import {
  fluxFill,
  fullRequestFor,
  mainOf,
  paintedPart,
  referencesFor,
  requestFor,
  takesLoras,
  takesSource,
  takesVae,
} from "#tests/support/graph-parts";

/** A graph as InvokeAI records it: unset fields are null, and the batch's data are in their nodes. */
function recorded(change: (graph: Json) => void = () => {}, base = "sd-1"): Json {
  const graph = JSON.parse(JSON.stringify(buildGraph(fullRequestFor(base))));
  for (const node of Object.values(graph.nodes) as Json[]) node["board"] = null;
  graph.nodes.seed.value = 4_294_967_295;
  change(graph);
  return graph;
}

// oxlint-disable-next-line typescript/no-explicit-any -- a graph from a file may have any shape
type Json = Record<string, any>;

/** The names of the pictures of all references of a base, by role. */
const referencePictures = (base: string) =>
  Object.fromEntries(
    referencesFor(mainOf(base)).map(({ imageName }, at) => [`reference${at}`, imageName]),
  );

describe("a recorded graph", () => {
  test.each(supportedBases)(
    "as it is built for %s names its seed, its models, its source and its references",
    (base) => {
      const found = parseRecordedGraph(recorded(() => {}, base));
      expect(found?.seed).toBe(4_294_967_295);
      const names = found?.models.map(({ name }) => name) ?? [];
      const parts = [
        ...(takesVae(base) ? ["clear"] : []),
        ...(takesLoras(base) ? ["ink", "grain"] : []),
      ];
      expect(names).toEqual(expect.arrayContaining([mainOf(base).name, ...parts]));
      const hasSource = takesSource(mainOf(base));
      expect(found?.pictures).toEqual({
        ...(hasSource && { source: "src.png" }),
        ...referencePictures(base),
      });
      // The encoders of these have a seed, or add no noise.
      const isExact = ["flux", "flux2", "qwen-image", "krea-2"].includes(base);
      if (isExact || !hasSource) expect(found?.noisyStrength).toBeUndefined();
      else expect(found?.noisyStrength).toBeGreaterThan(0.7);
    },
  );

  const paintedGraph = (base: string, fill: PaintedPart["fill"]) => {
    const request = fullRequestFor(base);
    const source = { ...request.source!, part: { ...paintedPart, fill } };
    return JSON.parse(JSON.stringify(buildGraph({ ...request, source }))) as Json;
  };
  const rolesOf = { source: "src.png", mask: "mask.png", base: "base.png", blend: "blend.png" };

  test.each(supportedBases.filter((base) => takesSource(mainOf(base))))(
    "of a painted part, as it is built for %s, tells its pictures apart",
    (base) => {
      for (const fill of ["source", "cv2", "noise", "lama"] as const) {
        const found = parseRecordedGraph(paintedGraph(base, fill));
        const pictures = { ...rolesOf, canvas: "canvas.png", ...referencePictures(base) };
        expect([fill, found?.pictures]).toEqual([fill, pictures]);
        expect(found?.noisyStrength).toBeUndefined();
      }
    },
  );

  test.each([
    ["sd-1", mainOf("sd-1")],
    ["flux", mainOf("flux")],
    ["flux kontext", { ...mainOf("flux"), name: "Kontext dev" }],
    ["qwen-image edit", mainOf("qwen-image", "edit")],
  ])("of %s that only has references names each, and what reads it", (_title, model) => {
    const references = referencesFor(model);
    const graph = buildGraph(requestFor(model.base, { model, references }));
    const found = parseRecordedGraph(graph);
    expect(Object.values(found?.pictures ?? {})).toEqual(
      references.map(({ imageName }) => imageName),
    );
    const readers = references.flatMap(({ adapter }) => (adapter && readerOf(adapter)) ?? []);
    expect(found?.readers.map(({ need }) => need)).toEqual(readers);
    const keys = references.map(({ adapter }) => adapter?.key);
    for (const { adapterKey } of found!.readers) {
      if (adapterKey !== undefined) expect(keys).toContain(adapterKey);
    }
    const [alone] = references;
    const single = buildGraph(requestFor(model.base, { model, references: [alone!] }));
    expect(parseRecordedGraph(single)?.pictures).toEqual({ reference0: alone!.imageName });
  });

  test("with a preprocessor that fetches weights runs only if the owner allows it", () => {
    const model = mainOf("sd-1");
    const references = referencesFor(model).map((reference) =>
      reference.preprocessor ? { ...reference, preprocessor: "depth" as const } : reference,
    );
    const graph = buildGraph(requestFor("sd-1", { references }));
    expect(parseRecordedGraph(graph)).toBeUndefined();
    const allowed = ["depth_anything_depth_estimation"];
    expect(parseRecordedGraph(graph, { output: 0, allowed })).toBeDefined();
  });

  test("of an enlarged picture names its source", () => {
    const model = mainOf("sd-1");
    const picture = { imageName: "src.png", prompt: "", scale: 2, width: 90, height: 61 };
    const { graph } = buildUpscaleGraph({ model, pictures: [picture] });
    expect(parseRecordedGraph(graph)?.pictures).toEqual({ source: "src.png" });
  });

  test("of FLUX Fill tells its pictures apart", () => {
    const [, model] = fluxFill;
    const source = { imageName: "src.png", width: 64, height: 64, strength: 1, part: paintedPart };
    const graph = buildGraph(requestFor("flux", { model, source }));
    expect(parseRecordedGraph(graph)?.pictures).toEqual({ ...rolesOf, canvas: "canvas.png" });
  });

  test("of two passes has no unseeded noise, so that its picture can be made again exactly", () => {
    const graph = buildGraph(requestFor("sd-1", { hires: { scale: 1.5, strength: 0.6 } }));
    expect(parseRecordedGraph(graph)).toMatchObject({ pictures: {}, noisyStrength: undefined });
  });

  test("of a recipe may have one picture anywhere, but not two that nothing tells apart", () => {
    const resize = (id: string, image_name: string) => ({
      id,
      type: "img_resize",
      image: { image_name },
    });
    const withPictures = (...names: string[]) =>
      recorded(({ nodes }) => {
        for (const id of Object.keys(nodes)) if (id.startsWith("ref")) delete nodes[id];
        for (const id of ["rin", "i2l"]) delete nodes[id]?.image;
        for (const [at, name] of names.entries()) nodes[`r${at}`] = resize(`r${at}`, name);
      });
    expect(parseRecordedGraph(withPictures("a.png"))?.pictures).toEqual({ source: "a.png" });
    expect(parseRecordedGraph(withPictures("a.png", "b.png"))).toBeUndefined();
  });

  test("is run again without the node cache, without a board, and with all images intermediate", () => {
    const graph = recorded(({ nodes }) => {
      nodes.out.board = { board_id: "mine" };
    });
    const models = new Map([[mainOf("sd-1").key, { ...mainOf("sd-1"), key: "moved" }]]);
    const images = new Map([["src.png", "again.png"]]);
    const again = replayGraph(parseRecordedGraph(graph)!, models, images);
    for (const node of Object.values(again.nodes)) {
      expect(node).toMatchObject({ use_cache: false, is_intermediate: true });
      expect(node).not.toHaveProperty("board");
      expect(node["type"]).not.toBe("core_metadata");
    }
    expect(again.nodes["model"]).toMatchObject({ model: { key: "moved" } });
    expect(JSON.stringify(again)).toContain("again.png");
    expect(JSON.stringify(again)).not.toContain("src.png");
    for (const { source, destination } of again.edges) {
      expect(again.nodes[source.node_id]).toBeDefined();
      expect(again.nodes[destination.node_id]).toBeDefined();
    }
  });

  test.each<[string, (graph: Json) => void]>([
    ["with a node of another kind", ({ nodes }) => (nodes.x = { id: "x", type: "run_script" })],
    ["with a node under another name", ({ nodes }) => (nodes.noise.id = "other")],
    ["without an output", ({ nodes }) => delete nodes.out],
    ["without a seed", ({ nodes }) => delete nodes.seed],
    ["with a seed that would block the queue", ({ nodes }) => (nodes.seed.value = 101.5)],
    ["with a slot that is no number", ({ nodes }) => (nodes.slot.value = "0")],
    ["with edges of another shape", (graph) => (graph["edges"] = [{ source: "a" }])],
    [
      "of too many nodes",
      ({ nodes }) => {
        for (let n = 0; n < 200; n += 1) nodes[`n${n}`] = { id: `n${n}`, type: "string" };
      },
    ],
  ])("%s is not run", (_, change) => {
    expect(parseRecordedGraph(recorded(change))).toBeUndefined();
  });

  test("that is not a graph is not run", () => {
    for (const value of [{}, { id: "g", nodes: [], edges: [] }, { id: "g", nodes: { a: 1 } }]) {
      expect(parseRecordedGraph(value)).toBeUndefined();
    }
  });
});

describe("a verdict", () => {
  const compared = (distance: number) => ({ state: "compared" as const, distance });

  test("is identical for equal pixels alone, near up to 10, and different beyond", () => {
    expect(verdictOn(compared(0), { isOtherVersion: false })).toEqual({
      verdict: "identical",
      distance: 0,
    });
    expect(verdictOn(compared(0.000_001), { isOtherVersion: false })).toEqual({
      verdict: "near",
      distance: 0.0001,
    });
    expect(verdictOn(compared(10), { isOtherVersion: false })).toEqual({
      verdict: "near",
      distance: 10,
    });
    expect(verdictOn(compared(10.01), { isOtherVersion: false })).toEqual({
      verdict: "different",
      distance: 10.01,
    });
    expect(verdictOn({ state: "other size" }, { isOtherVersion: false })).toEqual({
      verdict: "different",
    });
  });

  // Measured for docs/workflows/photo-reproduction.md: the largest distance for one seed, the smallest for two seeds, and
  // the smallest and largest distance of a picture from the source.
  test.each<[string, string, number, number, number, [number, number]]>([
    ["sd-1", "a gradient", 0.1, 67.66, 79.94, [94.0, 96.2]],
    ["sd-1", "a gradient", 0.3, 34.21, 85.09, [95.6, 97.0]],
    ["sd-1", "a gradient", 0.6, 10.95, 90.52, [97.8, 98.0]],
    ["sd-1", "a gradient", 1, 1.76, 95.35, [100.2, 100.2]],
    ["sd-1", "noise", 0.1, 69.05, 80.57, [88.9, 90.6]],
    ["sd-1", "noise", 0.3, 33.06, 85.28, [91.3, 91.6]],
    ["sd-1", "noise", 0.6, 11.19, 90.62, [93.6, 93.8]],
    ["sd-1", "noise", 1, 1.73, 95.37, [95.6, 95.6]],
    ["sdxl", "a gradient", 0.1, 64.59, 84.53, [98.6, 100.5]],
    ["sdxl", "a gradient", 0.3, 27.66, 89.4, [102.2, 102.6]],
    ["sdxl", "a gradient", 0.6, 9.28, 97.67, [101.9, 102.1]],
    ["sdxl", "a gradient", 1, 1.22, 101.79, [101.3, 101.3]],
    ["sdxl", "noise", 0.1, 65.27, 83.64, [93.1, 93.7]],
  ])(
    "on an image to image of %s from %s at strength %p is near for the same seed, and different for another",
    (_, _source, strength, same, other, [nearest, furthest]) => {
      const [near, far] = [
        { strength, distance: nearest },
        { strength, distance: furthest },
      ];
      expect(verdictOn(compared(same), { isOtherVersion: false, noisy: near }).verdict).toBe(
        "near",
      );
      expect(verdictOn(compared(other), { isOtherVersion: false, noisy: far }).verdict).toBe(
        "different",
      );
    },
  );

  test("names another version of InvokeAI only where the pixels differ", () => {
    expect(verdictOn(compared(0), { isOtherVersion: true })).toEqual({
      verdict: "identical",
      distance: 0,
    });
    expect(verdictOn(compared(30), { isOtherVersion: true })).toMatchObject({
      reason: "version_differs",
    });
    expect(verdictOn({ state: "other size" }, { isOtherVersion: true })).toMatchObject({
      reason: "version_differs",
    });
  });
});
