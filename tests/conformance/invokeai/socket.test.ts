import { expect } from "bun:test";
import { examine } from "./examine.ts";
import { dataOf, sd1Graph, seededBlankGraph } from "./graphs.ts";
import { newBatchId, type SeenEvent } from "./target.ts";

const of = (seen: SeenEvent[], name: string, batchId: string) =>
  seen.filter((event) => event.name === name && event.payload.batch_id === batchId);

/** Events without repeated deliveries. */
function distinct(payloads: Record<string, unknown>[]): Record<string, unknown>[] {
  return payloads.filter(
    ({ status_sequence }, index) =>
      payloads.findIndex((other) => other.status_sequence === status_sequence) === index,
  );
}

await examine((target, promised) => {
  promised("the events of an item arrive in order, once or twice each", [], async () => {
    const { socket, seen } = await target.listen();
    const batchId = newBatchId();
    await target.enqueue({
      batch_id: batchId,
      origin: "test",
      data: [[dataOf("seed", "value", [1])]],
      graph: seededBlankGraph(),
    });
    const statuses = () =>
      of(seen, "queue_item_status_changed", batchId).map(({ payload }) => payload);
    await target.until(
      async () => statuses().filter(({ status }) => status === "completed").length,
      (count) => count > 0,
    );
    socket.close();
    expect(of(seen, "batch_enqueued", batchId)[0]?.payload).toMatchObject({
      enqueued: 1,
      requested: 1,
    });
    const events = distinct(statuses());
    expect(events.map(({ status, status_sequence }) => [status, status_sequence])).toEqual([
      ["in_progress", 1],
      ["completed", 2],
    ]);
    expect(statuses().at(-1)).toMatchObject({
      origin: "test",
      destination: batchId,
      batch_status: { completed: 1, total: 1 },
    });
    const completed = of(seen, "invocation_complete", batchId).map(({ payload }) => payload);
    expect(completed.map(({ invocation_source_id }) => invocation_source_id)).toContain("out");
    expect(completed[0]?.timestamp).toBeNumber();
  });

  promised("denoising reports progress from 0 to 1, with previews", ["sd-1/main"], async () => {
    const { socket, seen } = await target.listen();
    const model = await target.findModel("sd-1", "main");
    const batchId = newBatchId();
    await target.enqueue({
      batch_id: batchId,
      graph: sd1Graph(model, { prompt: `boat ${batchId}`, steps: 4 }),
    });
    await target.finishedItems(batchId);
    const progress = () =>
      of(seen, "invocation_progress", batchId)
        .map(({ payload }) => payload)
        .filter(
          ({ invocation_source_id, percentage }) =>
            invocation_source_id === "denoise" && typeof percentage === "number",
        );
    await target.until(
      async () => progress().at(-1)?.percentage,
      (share) => share === 1,
    );
    socket.close();
    const withPreview = progress().filter(({ image }) => image !== null);
    expect(withPreview.length).toBeGreaterThan(0);
    expect([...new Set(progress().map(({ percentage }) => percentage))]).toEqual([
      0, 0.25, 0.5, 0.75, 1,
    ]);
    expect(withPreview[0]?.image).toMatchObject({
      dataURL: expect.stringMatching(/^data:image\/jpeg;base64,/),
    });
  });

  promised("a node's failure is reported after its item's status", [], async () => {
    const { socket, seen } = await target.listen();
    const batchId = newBatchId();
    const nodes = { out: { id: "out", type: "img_resize", image: { image_name: "gone.png" } } };
    await target.enqueue({
      batch_id: batchId,
      graph: { id: "g", nodes, edges: [] },
    });
    await target.until(
      async () => of(seen, "invocation_error", batchId).length,
      (count) => count > 0,
    );
    socket.close();
    const names = seen
      .filter(({ payload }) => payload.batch_id === batchId)
      .filter(({ name, payload }) => name === "invocation_error" || payload.status === "failed")
      .map(({ name }) => name);
    expect(names.indexOf("queue_item_status_changed")).toBeLessThan(
      names.indexOf("invocation_error"),
    );
    expect(of(seen, "invocation_error", batchId)[0]?.payload).toMatchObject({
      error_type: "ImageRecordNotFoundException",
      invocation_source_id: "out",
    });
  });

  promised("canceling pending items emits no event", ["alone"], async () => {
    const { socket, seen } = await target.listen();
    await target.call("PUT", `${target.queue}/processor/pause`);
    const batchId = newBatchId();
    const batch = { batch_id: batchId, graph: seededBlankGraph() };
    await target.enqueue({ ...batch, data: [[dataOf("seed", "value", [1, 2])]] });
    await target.call("PUT", `${target.queue}/cancel_by_batch_ids`, { batch_ids: [batchId] });
    await target.call("PUT", `${target.queue}/processor/resume`);
    const marker = newBatchId();
    await target.enqueue({ ...batch, batch_id: marker, destination: marker });
    await target.until(
      async () => of(seen, "queue_item_status_changed", marker).length,
      (count) => count >= 2,
    );
    socket.close();
    expect(of(seen, "queue_item_status_changed", batchId)).toEqual([]);
  });

  /** Generates a blank picture and returns the events of it until its end. */
  async function eventsOfOne(subscribe: boolean): Promise<Record<string, unknown>[]> {
    const { socket, seen } = await target.listen({ subscribe });
    const batchId = newBatchId();
    await target.enqueue({ batch_id: batchId, graph: seededBlankGraph() });
    await target.finishedItems(batchId);
    // This request's answer comes after all events of the batch on this connection.
    await target.eventsUpToNow(socket);
    socket.close();
    return of(seen, "queue_item_status_changed", batchId).map(({ payload }) => payload);
  }

  promised(
    "without a subscription there are no events, with one every event comes twice",
    ["6.13"],
    async () => {
      expect(await eventsOfOne(false)).toEqual([]);
      expect((await eventsOfOne(true)).map(({ status }) => status)).toEqual([
        "in_progress",
        "in_progress",
        "completed",
        "completed",
      ]);
    },
  );

  promised("each event comes once, also without a subscription", ["6.14"], async () => {
    for (const subscribe of [false, true]) {
      const heard = await eventsOfOne(subscribe);
      expect(heard.map(({ status }) => status)).toEqual(["in_progress", "completed"]);
    }
  });

  promised("long polling is not accepted", ["6.14"], async () => {
    const { status } = await target.call("GET", "/ws/socket.io/?EIO=4&transport=polling");
    expect(status).toBeGreaterThanOrEqual(400);
  });
});
