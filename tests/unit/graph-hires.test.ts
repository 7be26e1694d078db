import { expect, test } from "bun:test";
import { buildGraph } from "#activities/adapters/invokeai/graphs/index";
import { hiresSize } from "#generation-parameters";
import { arrowsOf, fullRequestFor, requestFor } from "#tests/support/graph-parts";

const hires = { scale: 1.5, strength: 0.6 };

test.each(["sd-1", "sdxl"])(
  "%s: the second pass draws the stretched result of the first, with the same inputs",
  (base) => {
    const request = { ...fullRequestFor(base), source: null, hires };
    const graph = buildGraph(request);
    const { denoise, hires: second, large, lnoise, meta } = graph.nodes;
    const size = hiresSize(request, hires.scale);
    expect(large).toMatchObject({ type: "lresize", ...size });
    expect(lnoise).toMatchObject({ type: "noise", ...size, use_cpu: true });
    const { id: _first, denoising_start: start, ...shared } = denoise!;
    expect(start).toBe(0);
    expect(second).toMatchObject({ ...shared, denoising_start: 0.4 });
    expect(meta).toMatchObject({ hrf_enabled: true, hrf_strength: 0.6, width: request.width });

    const arrows = arrowsOf(graph);
    const intoFirst = arrows.filter((arrow) => / denoise\.(?!noise)/.test(arrow));
    expect(intoFirst.length).toBeGreaterThan(2);
    for (const arrow of intoFirst) expect(arrows).toContain(arrow.replace(" denoise.", " hires."));
    for (const arrow of [
      "seed.value -> lnoise.seed",
      "denoise.latents -> large.latents",
      "large.latents -> hires.latents",
      "lnoise.noise -> hires.noise",
      "hires.latents -> out.latents",
    ]) {
      expect(arrows).toContain(arrow);
    }
    expect(arrows).not.toContain("denoise.latents -> out.latents");
  },
);

test("without a second pass the graph has none of its nodes", () => {
  const { nodes } = buildGraph(requestFor("sd-1"));
  expect(Object.values(nodes).filter(({ type }) => type === "denoise_latents")).toHaveLength(1);
  expect(nodes["meta"]).not.toHaveProperty("hrf_enabled");
});

test("sides of the second pass are the nearest multiples of 8", () => {
  expect(hiresSize({ width: 512, height: 768 }, 1.5)).toEqual({ width: 768, height: 1152 });
  expect(hiresSize({ width: 72, height: 64 }, 1.1)).toEqual({ width: 80, height: 72 });
});
