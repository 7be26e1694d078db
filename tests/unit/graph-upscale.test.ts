import { expect, test } from "bun:test";
import { buildUpscaleGraph } from "#activities/adapters/invokeai/graphs/index";
import { partOf } from "#tests/support/graph-parts";

const model = partOf("any", "spandrel_image_to_image", "4x Clear");
const boat = { imageName: "boat.png", prompt: "a boat", scale: 2, width: 90, height: 61 };
const sea = { imageName: "sea.png", prompt: "", scale: 2, width: 64, height: 64 };

test("several pictures are one graph, with what differs as values of fields that the graph has", () => {
  const { graph, values } = buildUpscaleGraph({ model, pictures: [boat, sea] });
  const ofSecond = Object.fromEntries(
    values.map((list) => [`${list.node}.${list.field}`, list.values[1]]),
  );
  expect(ofSecond).toEqual({
    "out.image": { image_name: "sea.png" },
    "out.scale": 2,
    "meta.positive_prompt": "",
    "meta.width": 128,
    "meta.height": 128,
    "meta.init_image": "sea.png",
  });
  for (const { node, field, values: list } of values) {
    expect([node, field, graph.nodes[node]?.[field]]).toEqual([node, field, list[0]]);
  }
  expect(graph.nodes["meta"]).toHaveProperty("upscale_scale", 2);
});

test("a scale that differs is not in the metadata, which InvokeAI cannot vary", () => {
  const { graph } = buildUpscaleGraph({ model, pictures: [boat, { ...sea, scale: 3 }] });
  expect(graph.nodes["meta"]).not.toHaveProperty("upscale_scale");
});

test("one picture needs no values", () => {
  expect(buildUpscaleGraph({ model, pictures: [boat] }).values).toEqual([]);
});
