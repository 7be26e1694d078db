import { expect, test } from "bun:test";
import { buildGraph } from "#activities/adapters/invokeai/graphs/index";
import { arrowsOf, fullRequestFor, partOf, requestFor } from "#tests/support/graph-parts";

test("sd-2: the graph has the nodes and edges of SD-1 with an SD-2 model", () => {
  for (const requestOf of [requestFor, fullRequestFor]) {
    // SD-2 has no references.
    const graphOf = (base: string) => buildGraph({ ...requestOf(base), references: [] });
    const [sd1, sd2] = [graphOf("sd-1"), graphOf("sd-2")];
    expect(arrowsOf(sd2)).toEqual(arrowsOf(sd1));
    const types = (graph: typeof sd1) => Object.values(graph.nodes).map(({ type }) => type);
    expect(types(sd2)).toEqual(types(sd1));
  }
  const { nodes } = buildGraph(fullRequestFor("sd-2"));
  expect(nodes).toMatchObject({
    model: { model: partOf("sd-2", "main", "Main of sd-2") },
    vl: { vae_model: partOf("sd-2", "vae", "clear") },
    noise: { width: 768, height: 768 },
    meta: { generation_mode: "img2img", clip_skip: 2, vae: partOf("sd-2", "vae", "clear") },
  });
});

test("sd-2: more layers may be skipped than with SD-1", () => {
  const { nodes } = buildGraph(requestFor("sd-2", { clipSkip: 24 }));
  expect(nodes.skip).toMatchObject({ skipped_layers: 24 });
  expect(() => buildGraph(requestFor("sd-1", { clipSkip: 24 }))).toThrow("clip_skip");
});
