import { expect, test } from "bun:test";
import { buildRepaintGraph, parseRecordedGraph } from "#activities/adapters/invokeai/graphs/index";
import { arrowsOf, mainOf, partOf } from "#tests/support/graph-parts";

const request = (base: string) => ({
  upscaler: partOf("any", "spandrel_image_to_image", "4x Clear"),
  main: mainOf(base),
  control: partOf(base, "controlnet", "Tiles"),
  imageName: "boat.png",
  prompt: "a boat",
  scale: 2,
  width: 90,
  height: 61,
  creativity: 0.5,
  steps: 20,
  cfgScale: 2,
  scheduler: "kdpm_2",
});

test.each(["sd-1", "sdxl"])(
  "%s: an enlarged picture is painted again in tiles that fit into it, held by two ControlNets",
  (base) => {
    const graph = buildRepaintGraph(request(base));
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

test("a large picture has tiles of 1024 pixels", () => {
  const { denoise } = buildRepaintGraph({ ...request("sdxl"), width: 1024, height: 2048 }).nodes;
  expect(denoise).toMatchObject({ tile_width: 1024, tile_height: 1024, tile_overlap: 128 });
});
