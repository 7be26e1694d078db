import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  buildGraph,
  type GraphRequest,
  supportedBases,
} from "#activities/adapters/invokeai/graphs/index";
import {
  arrowsOf,
  fullRequestFor,
  isUnet,
  requestFor,
  takesNegative,
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
};

for (const base of supportedBases) {
  const source = { imageName: "src.png", width: 512, height: 512, strength: 0.75 };
  const { width, height } = requestFor(base);
  const variants: [string, GraphRequest][] = [
    ["text to image", requestFor(base)],
    ["image to image", requestFor(base, { source: { ...source, width, height } })],
    ["image to image with everything", fullRequestFor(base)],
  ];

  for (const [name, request] of variants) {
    test(`${base}, ${name}: each edge joins two nodes, and each input that is not a collection has at most one edge`, () => {
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

    test(`${base}, ${name}: the server keeps only the output, and never takes it from its cache`, () => {
      const { nodes } = buildGraph(request);
      const kept = Object.values(nodes).filter((node) => !node.is_intermediate);
      expect(kept.map(({ id, type, use_cache }) => ({ id, type, use_cache }))).toEqual([
        { id: "out", type: decoders[base]!, use_cache: false },
      ]);
    });

    test(`${base}, ${name}: one seed makes the noise and is in the metadata; the slot has no edges`, () => {
      const graph = buildGraph(request);
      const seed = isUnet(base) ? "seed.value -> noise.seed" : "seed.value -> denoise.seed";
      expect(arrowsOf(graph)).toEqual(expect.arrayContaining([seed, "seed.value -> meta.seed"]));
      expect(arrowsOf(graph).filter((arrow) => arrow.startsWith("slot."))).toEqual([]);
      expect(graph.nodes.slot).toMatchObject({ type: "integer" });
    });
  }

  test(`${base}: prompts are passed on unchanged, whatever they contain`, () => {
    const prompt = `a (red:1.3)++ boat, {calm|wild} sea, "quoted", <trigger>, 港の朝, שלום, 🚤 \\(a\\) ${"x".repeat(9_900)}`;
    const { nodes } = buildGraph(requestFor(base, { prompt }));
    expect(nodes.pos).toMatchObject({ type: "string", value: prompt });
    const texts = Object.values(nodes).filter(({ type }) => type === "string");
    expect(texts.map(({ id }) => id)).toEqual(takesNegative(base) ? ["pos", "neg"] : ["pos"]);
  });

  test(`${base}: equal requests give equal graphs`, () => {
    const digest = (request: GraphRequest) =>
      createHash("sha256")
        .update(JSON.stringify(buildGraph(request)))
        .digest("hex");
    expect(digest(fullRequestFor(base))).toBe(digest(fullRequestFor(base)));
  });

  test(`${base}: a source of the exact size is not resized`, () => {
    const request = requestFor(base, { source: { ...source, width, height } });
    const graph = buildGraph(request);
    expect(graph.nodes.rin).toBeUndefined();
    expect(graph.nodes.i2l).toMatchObject({ image: { image_name: "src.png" } });
    expect(arrowsOf(graph)).toContain("i2l.latents -> denoise.latents");
  });

  test(`${base}: a source of another size is resized to the exact size`, () => {
    const graph = buildGraph(fullRequestFor(base));
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

  test(`${base}: the graph contains only the five fields of a model`, () => {
    const { model } = requestFor(base);
    const record = { ...model, description: "private", isFavorite: true };
    const { nodes } = buildGraph(requestFor(base, { model: record }));
    for (const holder of [nodes.model, nodes.meta]) {
      expect(Object.keys(holder?.model ?? {}).toSorted()).toEqual(
        ["key", "hash", "name", "base", "type"].toSorted(),
      );
    }
  });
}
