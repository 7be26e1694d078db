import { expect } from "bun:test";
import { examine } from "./examine.ts";
import { blankGraph, dataOf, graph, sd1Graph, seededBlankGraph } from "./graphs.ts";
import { newBatchId, outputImage, type Item } from "./target.ts";

await examine((target, promised, server) => {
  /** Enqueues blank pictures, one for each seed, with a new batch id. */
  async function enqueueSeeds(seeds: number[], batchId = newBatchId()) {
    const answer = await target.enqueue({
      batch_id: batchId,
      origin: "test",
      data: [[dataOf("seed", "value", seeds)]],
      graph: seededBlankGraph(),
    });
    return { batchId, ...answer };
  }

  const seedOf = (item: Item) => item.field_values[0]?.value;

  promised("a batch becomes one item per seed, item ids newest first", [], async () => {
    const { batchId, status, json } = await enqueueSeeds([101, 102, 103]);
    expect(status).toBe(200);
    expect(json).toMatchObject({ queue_id: "default", enqueued: 3, requested: 3, priority: 0 });
    const ids = json.item_ids as number[];
    expect(ids).toEqual(ids.toSorted((a, b) => b - a));
    expect(json.batch.batch_id).toBe(batchId);
    const items = await target.finishedItems(batchId);
    expect(items.map(seedOf)).toEqual([101, 102, 103]);
  });

  promised("the same batch id twice adds items, and the second answer lists all", [], async () => {
    const { batchId } = await enqueueSeeds([1]);
    const second = await enqueueSeeds([1, 2], batchId);
    expect(second.json.enqueued).toBe(2);
    expect(second.json.item_ids).toHaveLength(3);
    expect((await target.batchStatus(batchId)).total).toBe(3);
    await target.finishedItems(batchId);
  });

  promised(
    "lists of a group are zipped, groups are multiplied with the last one fastest, runs are outermost",
    [],
    async () => {
      const batchId = newBatchId();
      const { nodes } = seededBlankGraph();
      const integer = (id: string) => ({ id, type: "integer", value: 0, is_intermediate: true });
      await target.enqueue({
        batch_id: batchId,
        runs: 2,
        data: [
          [dataOf("a", "value", [1, 2]), dataOf("b", "value", [10, 20])],
          [dataOf("seed", "value", [7, 8])],
        ],
        graph: { id: "g", nodes: { ...nodes, a: integer("a"), b: integer("b") }, edges: [] },
      });
      const items = await target.finishedItems(batchId);
      const once = [
        [1, 10, 7],
        [1, 10, 8],
        [2, 20, 7],
        [2, 20, 8],
      ];
      expect(items.map((item) => item.field_values.map(({ value }) => value))).toEqual([
        ...once,
        ...once,
      ]);
    },
  );

  promised("an unknown batch has zero counters and no origin", [], async () => {
    const batchId = newBatchId();
    const status = await target.call("GET", `${target.queue}/b/${batchId}/status`);
    expect(status.status).toBe(200);
    expect(status.json).toMatchObject({ batch_id: batchId, origin: null, pending: 0, total: 0 });
  });

  promised("a batch's status counts its items and names its origin", [], async () => {
    const { batchId } = await enqueueSeeds([1, 2]);
    await target.finishedItems(batchId);
    expect(await target.batchStatus(batchId)).toMatchObject({
      queue_id: "default",
      batch_id: batchId,
      origin: "test",
      destination: batchId,
      pending: 0,
      in_progress: 0,
      completed: 2,
      failed: 0,
      canceled: 0,
      total: 2,
    });
  });

  promised(
    "a completed item lists its image by a prepared node id and omits nulls",
    [],
    async () => {
      const { batchId } = await enqueueSeeds([5]);
      const [item] = await target.finishedItems(batchId);
      if (item === undefined) throw new Error("no item");
      expect(outputImage(item)).toMatch(/^[0-9a-f-]{36}\.png$/);
      expect(item.session.source_prepared_mapping.out?.[0]).not.toBe("out");
      expect(item.status_sequence).toBe(2);
      expect(item.completed_at).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$/);
      expect(
        Math.abs(Date.parse(`${String(item.completed_at).replace(" ", "T")}Z`) - Date.now()),
      ).toBeLessThan(60_000);
      const single = await target.call("GET", `${target.queue}/i/${item.item_id}`);
      expect(single.json).toMatchObject({
        item_id: item.item_id,
        status: "completed",
      });
      const { device } = single.json as { device?: unknown };
      expect(typeof device).toBe(server.api === "6.13" ? "undefined" : "string");
      expect(JSON.stringify(single.json)).not.toContain(":null");
      expect(item.error_type).toBeNull();
    },
  );

  promised(
    "items are read by ids in the requested order; the list of ids keeps a batch together",
    [],
    async () => {
      const { batchId, json } = await enqueueSeeds([1, 2]);
      await target.finishedItems(batchId);
      const [second, first] = json.item_ids as [number, number];
      const found = await target.call("POST", `${target.queue}/items_by_ids`, {
        item_ids: [second, 999_999_999, first],
      });
      expect((found.json as Item[]).map(({ item_id }) => item_id)).toEqual([second, first]);
      const all = await target.call("GET", `${target.queue}/item_ids?order_dir=DESC`);
      // Ordered by insertion time; items of one batch have the same time and keep their order.
      const ids = all.json.item_ids as number[];
      expect(Math.abs(ids.indexOf(first) - ids.indexOf(second))).toBe(1);
      expect(ids).toEqual(expect.arrayContaining([first, second]));
    },
  );

  promised("an unknown item is 404 with its number, one of another queue 500", [], async () => {
    const { status, json } = await target.call("GET", `${target.queue}/i/999999999`);
    expect(status).toBe(404);
    expect(json).toEqual({ detail: "Queue item with id 999999999 not found in queue default" });
    const { batchId } = await enqueueSeeds([1]);
    const [item] = await target.finishedItems(batchId);
    const elsewhere = await target.call("GET", `/api/v1/queue/other/i/${item?.item_id}`);
    expect(elsewhere.status).toBe(500);
  });

  promised("a failed item has an error, and the next one still runs", [], async () => {
    const batchId = newBatchId();
    await target.enqueue({
      batch_id: batchId,
      graph: graph({ out: { type: "img_resize", image: { image_name: "gone.png" } } }, []),
    });
    const after = await enqueueSeeds([1]);
    const [failed] = await target.finishedItems(batchId);
    expect(failed).toMatchObject({
      status: "failed",
      error_type: "ImageRecordNotFoundException",
      error_message: "Image record not found",
    });
    expect(failed?.error_traceback).toBeString();
    const [next] = await target.finishedItems(after.batchId);
    expect(next?.status).toBe("completed");
  });

  promised("a missing required input fails the item when it runs", [], async () => {
    const batchId = newBatchId();
    await target.enqueue({
      batch_id: batchId,
      graph: graph({ out: { type: "img_resize" } }, []),
    });
    const connectionId = newBatchId();
    await target.enqueue({
      batch_id: connectionId,
      destination: connectionId,
      graph: graph({ out: { type: "l2i" } }, []),
    });
    expect((await target.finishedItems(batchId))[0]?.error_type).toBe("MissingInputException");
    expect((await target.finishedItems(connectionId))[0]?.error_type).toBe(
      "RequiredConnectionException",
    );
  });

  promised(
    "canceling a batch cancels its pending items; canceling again counts none",
    [],
    async () => {
      const { batchId } = await enqueueSeeds(Array.from({ length: 40 }, (_, index) => index));
      const first = await target.call("PUT", `${target.queue}/cancel_by_batch_ids`, {
        batch_ids: [batchId],
      });
      expect(first.json.canceled).toBeGreaterThan(0);
      const items = await target.finishedItems(batchId);
      const canceled = items.filter(({ status }) => status === "canceled");
      expect(canceled.length).toBeGreaterThan(0);
      expect(canceled.at(-1)?.session.results).toEqual({});
      expect(canceled.at(-1)?.completed_at).toBeString();
      const again = await target.call("PUT", `${target.queue}/cancel_by_batch_ids`, {
        batch_ids: [batchId],
      });
      expect(again.json).toEqual({ canceled: 0 });
    },
  );

  promised("canceling by destination cancels only that destination's items", [], async () => {
    const one = await enqueueSeeds(Array.from({ length: 30 }, (_, index) => index));
    const other = await enqueueSeeds([1]);
    const answer = await target.call(
      "PUT",
      `${target.queue}/cancel_by_destination?destination=${one.batchId}`,
    );
    expect(answer.json.canceled).toBeGreaterThan(0);
    expect((await target.finishedItems(other.batchId))[0]?.status).toBe("completed");
    await target.finishedItems(one.batchId);
  });

  promised("canceling a finished item returns it unchanged", [], async () => {
    const { batchId } = await enqueueSeeds([1]);
    const [item] = await target.finishedItems(batchId);
    const { status, json } = await target.call("PUT", `${target.queue}/i/${item?.item_id}/cancel`);
    expect(status).toBe(200);
    expect(json.status).toBe("completed");
  });

  promised("a deleted item is gone, its image is not", [], async () => {
    const { batchId } = await enqueueSeeds([1]);
    const [item] = await target.finishedItems(batchId);
    if (item === undefined) throw new Error("no item");
    const path = `${target.queue}/i/${item.item_id}`;
    expect((await target.call("DELETE", path)).status).toBe(200);
    expect((await target.call("GET", path)).status).toBe(404);
    expect((await target.download(outputImage(item))).length).toBeGreaterThan(0);
  });

  promised("the queue's status includes the processor's", [], async () => {
    const { json } = await target.call("GET", `${target.queue}/status`);
    expect(json.queue).toMatchObject({ queue_id: "default" });
    expect(json.queue.total).toBeNumber();
    expect(json.processor.is_started).toBe(true);
  });

  promised("a paused processor leaves items pending until it is resumed", ["alone"], async () => {
    await target.call("PUT", `${target.queue}/processor/pause`);
    const { batchId } = await enqueueSeeds([1]);
    const paused = await target.call("GET", `${target.queue}/status`);
    expect(paused.json.processor.is_started).toBe(false);
    expect((await target.batchStatus(batchId)).pending).toBe(1);
    await target.call("PUT", `${target.queue}/processor/resume`);
    expect((await target.finishedItems(batchId))[0]?.status).toBe("completed");
  });

  promised("a prepended batch runs before pending ones", ["alone"], async () => {
    await target.call("PUT", `${target.queue}/processor/pause`);
    const late = await enqueueSeeds([1]);
    const batchId = newBatchId();
    const early = await target.enqueue({ batch_id: batchId, graph: blankGraph() }, true);
    expect(early.json.priority).toBe(1);
    await target.call("PUT", `${target.queue}/processor/resume`);
    const [first] = await target.finishedItems(batchId);
    const [second] = await target.finishedItems(late.batchId);
    expect(String(first?.started_at) < String(second?.started_at)).toBe(true);
  });

  promised("a pruned batch looks like an unknown one", ["alone"], async () => {
    const { batchId } = await enqueueSeeds([1]);
    await target.finishedItems(batchId);
    const { json } = await target.call("PUT", `${target.queue}/prune`);
    expect(json.deleted).toBeGreaterThan(0);
    expect(await target.batchStatus(batchId)).toMatchObject({ total: 0, origin: null });
  });

  promised(
    "a value that violates its field's rule blocks the queue until its batch is canceled",
    ["alone"],
    async () => {
      const batchId = newBatchId();
      const { status } = await target.enqueue({
        batch_id: batchId,
        data: [[dataOf("seed", "value", [101.5])]],
        graph: seededBlankGraph(),
      });
      expect(status).toBe(200);
      const behind = await enqueueSeeds([1]);
      const all = await target.call("GET", `${target.queue}/list_all?destination=${batchId}`);
      expect(all.status).toBe(500);
      expect((await target.batchStatus(behind.batchId)).completed).toBe(0);
      await target.call("PUT", `${target.queue}/cancel_by_batch_ids`, { batch_ids: [batchId] });
      expect((await target.finishedItems(behind.batchId))[0]?.status).toBe("completed");
      await target.call("PUT", `${target.queue}/prune`);
    },
  );

  promised("a full queue accepts what fits, and still answers 200", ["small_queue"], async () => {
    await target.call("PUT", `${target.queue}/processor/pause`);
    try {
      const many = Array.from({ length: server.queueSize + 5 }, (_, index) => index);
      const first = await enqueueSeeds(many);
      expect(first.status).toBe(200);
      expect(first.json).toMatchObject({ requested: many.length, enqueued: server.queueSize });
      expect(first.json.item_ids).toHaveLength(server.queueSize);
      const second = await enqueueSeeds([1, 2]);
      expect(second.status).toBe(200);
      expect(second.json).toMatchObject({ requested: 2, enqueued: 0, item_ids: [] });
      await target.call("PUT", `${target.queue}/cancel_by_batch_ids`, {
        batch_ids: [first.batchId],
      });
      const items = (
        await target.call("GET", `${target.queue}/list_all?destination=${first.batchId}`)
      ).json as Item[];
      // The first items of the list fit.
      expect(items.map(seedOf)).toEqual(many.slice(0, server.queueSize));
    } finally {
      await target.call("PUT", `${target.queue}/processor/resume`);
    }
  });

  promised(
    "a cancel counts the running item on 6.14, only pending items on 6.13",
    ["sd-1/main"],
    async () => {
      const model = await target.findModel("sd-1", "main");
      const { socket, seen } = await target.listen();
      const batchId = newBatchId();
      const slow = sd1Graph(model, { prompt: batchId, width: 256, height: 256, steps: 400 });
      await target.enqueue({ batch_id: batchId, runs: 3, graph: slow });
      await target.until(
        async () =>
          seen.some(
            ({ name, payload }) => name === "invocation_progress" && payload.batch_id === batchId,
          ),
        Boolean,
      );
      socket.close();
      const { json } = await target.call("PUT", `${target.queue}/cancel_by_batch_ids`, {
        batch_ids: [batchId],
      });
      expect(json).toEqual({ canceled: server.api === "6.13" ? 2 : 3 });
      expect(await target.batchStatus(batchId)).toMatchObject({ canceled: 3, total: 3 });
    },
  );

  promised(
    "deleting a destination deletes only its items and returns their number",
    [],
    async () => {
      const one = await enqueueSeeds([1, 2]);
      const other = await enqueueSeeds([3]);
      await target.finishedItems(one.batchId);
      await target.finishedItems(other.batchId);
      const gone = await target.call("DELETE", `${target.queue}/d/${one.batchId}`);
      expect([gone.status, gone.json]).toEqual([200, { deleted: 2 }]);
      expect((await target.batchStatus(one.batchId)).total).toBe(0);
      expect((await target.batchStatus(other.batchId)).total).toBe(1);
      const again = await target.call("DELETE", `${target.queue}/d/${one.batchId}`);
      expect(again.json).toEqual({ deleted: 0 });
    },
  );

  promised("the counter of items that wait for others exists from 6.14 on", [], async () => {
    const counters = await target.batchStatus(newBatchId());
    expect(counters.waiting).toBe(server.api === "6.13" ? undefined : 0);
  });
});
