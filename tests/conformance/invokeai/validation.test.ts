import { describe, expect } from "bun:test";
import { examine } from "./examine.ts";
import { blankGraph, dataOf, graph, sd1Graph, seededBlankGraph, type TestGraph } from "./graphs.ts";
import { newBatchId, type Answer } from "./target.ts";

await examine((target, promised) => {
  /** Expects a 422 whose `detail` is an array and whose messages contain `words`. */
  function expectRefusal({ status, json }: Answer, words: RegExp): void {
    expect(status).toBe(422);
    expect(Array.isArray(json.detail)).toBe(true);
    const first = json.detail[0];
    expect(Object.keys(first)).toEqual(expect.arrayContaining(["type", "loc", "msg", "input"]));
    expect(first.loc[0]).toBe("body");
    expect(first.msg).toMatch(words);
  }

  const enqueueGraph = (broken: TestGraph) =>
    target.enqueue({ batch_id: newBatchId(), graph: broken });

  describe("a graph is refused with 422 for", () => {
    promised("an unknown node type", [], async () => {
      expectRefusal(await enqueueGraph(graph({ out: { type: "zzz" } }, [])), /Input tag 'zzz'/);
    });

    promised("a key that differs from its node's id", [], async () => {
      const { nodes } = blankGraph();
      const wrong = { id: "g", nodes: { other: nodes.out ?? {} }, edges: [] };
      expectRefusal(await enqueueGraph(wrong), /Value error/);
    });

    promised("an edge to a missing node", [], async () => {
      const wrong = graph({ seed: { type: "integer", value: 1 } }, ["seed.value > noise.seed"]);
      expectRefusal(await enqueueGraph(wrong), /Value error/);
    });

    promised("an edge to a missing field", [], async () => {
      const wrong = graph({ seed: { type: "integer", value: 1 }, noise: { type: "noise" } }, [
        "seed.value > noise.sead",
      ]);
      expectRefusal(await enqueueGraph(wrong), /Value error/);
    });

    promised("an edge between types that do not fit", [], async () => {
      const wrong = graph({ pos: { type: "string", value: "x" }, noise: { type: "noise" } }, [
        "pos.value > noise.seed",
      ]);
      expectRefusal(await enqueueGraph(wrong), /Value error/);
    });

    promised("a cycle", [], async () => {
      const resize = { type: "img_resize" };
      const wrong = graph({ a: resize, b: resize }, ["a.image > b.image", "b.image > a.image"]);
      expectRefusal(await enqueueGraph(wrong), /Value error/);
    });

    promised("a size that is not a multiple of eight", [], async () => {
      const wrong = graph({ noise: { type: "noise", width: 65, height: 64 } }, []);
      expectRefusal(await enqueueGraph(wrong), /multiple of 8/);
    });

    promised("an unknown scheduler, a low cfg, no steps", ["sd-1/main"], async () => {
      const model = await target.findModel("sd-1", "main");
      const withDenoise = (denoise: Record<string, unknown>) =>
        enqueueGraph(sd1Graph(model, { denoise }));
      expectRefusal(await withDenoise({ scheduler: "slow" }), /'euler'/);
      expectRefusal(await withDenoise({ cfg_scale: 0.5 }), /cfg_scale must be greater than 1/);
      expectRefusal(await withDenoise({ steps: 0 }), /greater than 0/);
    });

    promised("an unknown generation mode", ["sd-1/main"], async () => {
      const model = await target.findModel("sd-1", "main");
      const wrong = sd1Graph(model, { meta: { generation_mode: "magic" } });
      expectRefusal(await enqueueGraph(wrong), /'txt2img'/);
    });
  });

  describe("a batch is refused with 422 for", () => {
    const enqueueData = (data: unknown) =>
      target.enqueue({ batch_id: newBatchId(), data, graph: seededBlankGraph() });

    promised("lists of unequal length in one group", [], async () => {
      const data = [[dataOf("seed", "value", [1, 2]), dataOf("out", "width", [64])]];
      expectRefusal(await enqueueData(data), /length/);
    });

    promised("mixed types in one list", [], async () => {
      expectRefusal(await enqueueData([[dataOf("seed", "value", [1, "2"])]]), /Value error/);
    });

    promised("the same field twice", [], async () => {
      const data = [[dataOf("seed", "value", [1])], [dataOf("seed", "value", [2])]];
      expectRefusal(await enqueueData(data), /Value error/);
    });

    promised("a missing node or field", [], async () => {
      expectRefusal(await enqueueData([[dataOf("nobody", "value", [1])]]), /nobody/);
      expectRefusal(await enqueueData([[dataOf("seed", "valve", [1])]]), /valve/);
    });

    promised("a missing graph", [], async () => {
      const answer = await target.call("POST", `${target.queue}/enqueue_batch`, {
        batch: { runs: 1 },
      });
      expectRefusal(answer, /Field required/);
    });

    promised("zero runs", [], async () => {
      const answer = await target.enqueue({ batch_id: newBatchId(), runs: 0, graph: blankGraph() });
      expectRefusal(answer, /greater than or equal to 1/);
    });
  });

  promised("an unknown field of a node is dropped, but kept on the metadata", [], async () => {
    const batchId = newBatchId();
    const { json } = await target.enqueue({
      batch_id: batchId,
      graph: graph(
        {
          meta: { type: "core_metadata", gallery_step: "s1" },
          out: { type: "blank_image", width: 64, height: 64, colour: 1, is_intermediate: false },
        },
        ["meta.metadata > out.metadata"],
      ),
    });
    expect(json.batch.graph.nodes.out.colour).toBeUndefined();
    expect(json.batch.graph.nodes.meta.gallery_step).toBe("s1");
    await target.finishedItems(batchId);
  });

  promised("an empty list of items makes no items", [], async () => {
    const { status, json } = await target.enqueue({
      batch_id: newBatchId(),
      data: [[dataOf("seed", "value", [])]],
      graph: seededBlankGraph(),
    });
    expect(status).toBe(200);
    expect(json).toMatchObject({ enqueued: 0, requested: 0 });
  });
});
