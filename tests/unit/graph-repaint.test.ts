import { expect, test } from "bun:test";
import { buildRepaintGraph, parseRecordedGraph } from "#activities/adapters/invokeai/graphs/index";
import { arrowsOf, mainOf, partOf } from "#tests/support/graph-parts";

const request = (base: string) => ({
  upscaler: partOf("any", "spandrel_image_to_image", "4x Clear"),
  main: mainOf(base),
  control: partOf(base, "controlnet", "Tiles"),
  pictures: [{ imageName: "boat.png", prompt: "a boat", scale: 2, width: 90, height: 61 }] as const,
  creativity: 0.5,
  steps: 20,
  cfgScale: 2,
  scheduler: "kdpm_2",
});

test.each(["sd-1", "sdxl"])(
  "%s: an enlarged picture is painted again in tiles that fit into it, held by two ControlNets",
  (base) => {
    const { graph, values } = buildRepaintGraph(request(base));
    expect(values).toEqual([]);
    const { denoise, noise, large, control0, control1, out, meta } = graph.nodes;
    // 180 × 122, cut to multiples of 8.
    expect(noise).toMatchObject({ width: 176, height: 120 });
    expect(denoise).toMatchObject({ tile_width: 120, tile_height: 120, tile_overlap: 56 });
    expect(denoise!["denoising_start"]).toBeCloseTo(0.499, 5);
    expect(large).toMatchObject({ scale: 2, fit_to_multiple_of_8: true, is_intermediate: true });
    expect([control0!["control_weight"], control1!["control_weight"]]).toEqual([
      expect.closeTo(0.625, 5),
      expect.closeTo(0.21375, 5),
    ]);
    expect(out).toMatchObject({ is_intermediate: false, use_cache: false });
    expect(meta).toMatchObject({ creativity: 0, structure: 0, width: 176, height: 120 });
    const arrows = arrowsOf(graph);
    // Its conditioning takes no lists.
    expect(arrows).toContain("posc.conditioning -> denoise.positive_conditioning");
    expect(arrows).toContain("cc.collection -> denoise.control");
    const recorded = parseRecordedGraph(JSON.parse(JSON.stringify(graph)));
    expect(recorded?.pictures).toEqual({ source: "boat.png" });
    expect(recorded?.models).toHaveLength(3);
  },
);

test("a large picture has tiles of 1024 pixels, and of several each has its own", () => {
  const [small] = request("sdxl").pictures;
  const large = { ...small, imageName: "sea.png", prompt: "the sea", width: 1024, height: 2048 };
  const { graph, values } = buildRepaintGraph({ ...request("sdxl"), pictures: [large, small] });
  const { denoise, meta } = graph.nodes;
  expect(denoise).toMatchObject({ tile_width: 1024, tile_height: 1024, tile_overlap: 128 });
  // It would be the same for all.
  expect(meta).not.toHaveProperty("upscale_scale");
  const of = Object.fromEntries(values.map((each) => [`${each.node}.${each.field}`, each.values]));
  expect(of).toMatchObject({
    "large.image": [{ image_name: "sea.png" }, { image_name: "boat.png" }],
    "pos.value": ["the sea", "a boat"],
    "noise.width": [2048, 176],
    "noise.height": [4096, 120],
    "denoise.tile_width": [1024, 120],
    "denoise.tile_height": [1024, 120],
    "denoise.tile_overlap": [128, 56],
    "i2l.tile_size": [1024, 120],
    "out.tile_size": [1024, 120],
  });
  for (const { node, field } of values) expect(graph.nodes[node]).toHaveProperty(field);
});
