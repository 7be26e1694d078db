import { describe, expect, test } from "bun:test";
import {
  buildGraph,
  parseRecordedGraph,
  replayGraph,
} from "#activities/adapters/invokeai/graphs/index";
import { verdictOn } from "#activities/verdict";
import { fullRequestFor, mainOf } from "#tests/support/graph-parts";

/** As InvokeAI writes it: what is not set is null, and the batch's data stand in their nodes. */
function recorded(change: (graph: Json) => void = () => {}, base = "sd-1"): Json {
  const graph = JSON.parse(JSON.stringify(buildGraph(fullRequestFor(base))));
  for (const node of Object.values(graph.nodes) as Json[]) node["board"] = null;
  graph.nodes.seed.value = 4_294_967_295;
  change(graph);
  return graph;
}

// oxlint-disable-next-line typescript/no-explicit-any -- a graph out of a file may be anything
type Json = Record<string, any>;

describe("a recorded graph", () => {
  test.each(["sd-1", "sd-2", "sdxl", "flux"])(
    "as it is built here for %s names its seed, its models and its source",
    (base) => {
      const found = parseRecordedGraph(recorded(() => {}, base));
      expect(found?.seed).toBe(4_294_967_295);
      const names = found?.models.map(({ name }) => name) ?? [];
      expect(names).toEqual(expect.arrayContaining([mainOf(base).name, "clear", "ink", "grain"]));
      expect(found?.imageNames).toEqual(["src.png"]);
    },
  );

  test("is run again without the node cache, on no board, as nothing that stays", () => {
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

  test("that is no graph at all is not run", () => {
    for (const value of [{}, { id: "g", nodes: [], edges: [] }, { id: "g", nodes: { a: 1 } }]) {
      expect(parseRecordedGraph(value)).toBeUndefined();
    }
  });
});

describe("a verdict", () => {
  const compared = (distance: number) => ({ state: "compared" as const, distance });

  test("is identical for equal pixels alone, near up to 10, and different beyond", () => {
    expect(verdictOn(compared(0), false)).toEqual({ verdict: "identical", distance: 0 });
    expect(verdictOn(compared(0.000_001), false)).toEqual({ verdict: "near", distance: 0.0001 });
    expect(verdictOn(compared(10), false)).toEqual({ verdict: "near", distance: 10 });
    expect(verdictOn(compared(10.01), false)).toEqual({ verdict: "different", distance: 10.01 });
    expect(verdictOn({ state: "other size" }, false)).toEqual({ verdict: "different" });
  });

  test("names another version of InvokeAI only where the pixels differ", () => {
    expect(verdictOn(compared(0), true)).toEqual({ verdict: "identical", distance: 0 });
    expect(verdictOn(compared(30), true)).toMatchObject({ reason: "version_differs" });
    expect(verdictOn({ state: "other size" }, true)).toMatchObject({ reason: "version_differs" });
  });
});
