import { expect, test } from "bun:test";
import { buildGraph, type GraphRequest } from "#activities/adapters/invokeai/graphs/index";
import { sha256Of } from "#sha256";
import {
  arrowsOf,
  everyMain,
  fullRequestFor,
  isUnet,
  requestFor,
  takesNegative,
  takesSource,
} from "#tests/support/graph-parts";

const decoders: Record<string, string> = {
  "sd-1": "l2i",
  "sd-2": "l2i",
  sdxl: "l2i",
  flux: "flux_vae_decode",
  "sd-3": "sd3_l2i",
  cogview4: "cogview4_l2i",
  "z-image": "z_image_l2i",
  "qwen-image": "qwen_image_l2i",
  flux2: "flux2_vae_decode",
  anima: "anima_l2i",
  "krea-2": "qwen_image_l2i",
  "ernie-image": "ernie_image_vae_decode",
  "ideogram-4": "ideogram4_l2i",
  wan: "wan_l2i",
};

for (const [title, model] of everyMain) {
  const { base } = model;
  const ask = (overrides: Partial<GraphRequest> = {}) => requestFor(base, { model, ...overrides });
  const source = { imageName: "src.png", width: 512, height: 512, strength: 0.75 };
  const { width, height } = ask();
  const variants: [string, GraphRequest][] = [
    ["text to image", ask()],
    ...(takesSource(model)
      ? [
          ["image to image", ask({ source: { ...source, width, height } })] as [
            string,
            GraphRequest,
          ],
        ]
      : []),
    ["with everything", fullRequestFor(base, model)],
  ];

  for (const [name, request] of variants) {
    test(`${title}, ${name}: each edge joins two nodes, and each input that is not a collection has at most one edge`, () => {
      const graph = buildGraph(request);
      for (const [key, node] of Object.entries(graph.nodes)) expect(node.id).toBe(key);
      for (const edge of graph.edges) {
        expect(graph.nodes).toHaveProperty(edge.source.node_id);
        expect(graph.nodes).toHaveProperty(edge.destination.node_id);
      }
      const inputs = graph.edges
        .filter(({ destination }) => graph.nodes[destination.node_id]?.type !== "collect")
        .map(({ destination }) => `${destination.node_id}.${destination.field}`);
      expect(new Set(inputs).size).toBe(inputs.length);
    });

    test(`${title}, ${name}: the server keeps only the output, and never takes it from its cache`, () => {
      const { nodes } = buildGraph(request);
      const kept = Object.values(nodes).filter((node) => !node.is_intermediate);
      expect(kept.map(({ id, type, use_cache }) => ({ id, type, use_cache }))).toEqual([
        { id: "out", type: decoders[base]!, use_cache: false },
      ]);
    });

    test(`${title}, ${name}: one seed makes the noise and is in the metadata; the slot has no edges`, () => {
      const graph = buildGraph(request);
      const seed = isUnet(base) ? "seed.value -> noise.seed" : "seed.value -> denoise.seed";
      expect(arrowsOf(graph)).toEqual(expect.arrayContaining([seed, "seed.value -> meta.seed"]));
      expect(arrowsOf(graph).filter((arrow) => arrow.startsWith("slot."))).toEqual([]);
      expect(graph.nodes.slot).toMatchObject({ type: "integer" });
    });
  }

  test(`${title}: prompts are passed on unchanged, whatever they contain`, () => {
    const prompt = `a (red:1.3)++ boat, {calm|wild} sea, "quoted", <trigger>, 港の朝, שלום, 🚤 \\(a\\) ${"x".repeat(9_900)}`;
    const { nodes } = buildGraph(ask({ prompt }));
    expect(nodes.pos).toMatchObject({ type: "string", value: prompt });
    const texts = Object.values(nodes).filter(({ type }) => type === "string");
    expect(texts.map(({ id }) => id)).toEqual(takesNegative(base) ? ["pos", "neg"] : ["pos"]);
  });

  test(`${title}: equal requests give equal graphs`, () => {
    const digest = (request: GraphRequest) => sha256Of(JSON.stringify(buildGraph(request)));
    expect(digest(fullRequestFor(base, model))).toBe(digest(fullRequestFor(base, model)));
  });

  if (takesSource(model)) {
    test(`${title}: a source of the exact size is not resized`, () => {
      const request = ask({ source: { ...source, width, height } });
      const graph = buildGraph(request);
      expect(graph.nodes.rin).toBeUndefined();
      expect(graph.nodes.i2l).toMatchObject({ image: { image_name: "src.png" } });
      expect(arrowsOf(graph)).toContain("i2l.latents -> denoise.latents");
    });

    test(`${title}: a source of another size is resized to the exact size`, () => {
      const graph = buildGraph(fullRequestFor(base, model));
      expect(graph.nodes.rin).toMatchObject({
        type: "img_resize",
        image: { image_name: "src.png" },
        width,
        height,
        resample_mode: "lanczos",
      });
      expect(graph.nodes.i2l).not.toHaveProperty("image");
      expect(arrowsOf(graph)).toContain("rin.image -> i2l.image");
    });
  }

  test(`${title}: the graph contains only the five fields of a model`, () => {
    const record = { ...model, description: "private", isFavorite: true };
    const { nodes } = buildGraph(ask({ model: record }));
    for (const holder of [nodes.model, nodes.meta]) {
      expect(Object.keys(holder?.model ?? {}).toSorted()).toEqual(
        ["key", "hash", "name", "base", "type"].toSorted(),
      );
    }
  });
}
