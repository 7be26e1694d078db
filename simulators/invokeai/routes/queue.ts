import { detail, json, type Answer } from "../answers.ts";
import { expandBatch, parseEnqueue } from "../batch.ts";
import type { QueueEvents } from "../events.ts";
import { findSeed } from "../graph.ts";
import type { ItemJson } from "../item-json.ts";
import type { ItemRow } from "../queue.ts";
import type { Handlers, RouteRequest } from "../router.ts";
import type { Runner } from "../runner.ts";
import { readJson } from "../read-json.ts";
import { requireList } from "../validation.ts";
import type { World } from "../world.ts";

/** The session queue: enqueue, read, cancel, delete. */
export function createQueueHandlers(
  world: World,
  runner: Runner,
  parts: { events: QueueEvents; itemJson: ItemJson },
): Handlers {
  const { events, itemJson } = parts;
  const { queue, faults, settings } = world;

  function answerItems(rows: ItemRow[]): Answer {
    const poisoned = rows.find(({ poison }) => poison !== null);
    return poisoned === undefined ? json(rows.map(itemJson.item)) : poisonAnswer(poisoned);
  }

  function withItem({ params }: RouteRequest, act: (row: ItemRow) => Answer): Answer {
    const row = queue.find(Number(params.item));
    const notFound = `Queue item with id ${params.item} not found in queue ${params.queue}`;
    if (row === undefined) return detail(404, notFound);
    if (params.queue !== "default") {
      return detail(500, `Unexpected error while fetching queue item: 404: ${notFound}`);
    }
    return row.poison === null ? act(row) : poisonAnswer(row);
  }

  function cancel(rows: ItemRow[]): Answer {
    return json({ canceled: runner.cancel(rows) });
  }

  function remove(rows: ItemRow[], erase: () => number): Answer {
    runner.cancel(rows);
    return json({ deleted: erase() });
  }

  function processorStatus() {
    return {
      is_started: !settings.paused && faults.find("processor_paused") === undefined,
      is_processing: runner.isRunning(),
    };
  }

  function setPaused(paused: boolean): Answer {
    settings.paused = paused;
    runner.wake();
    return json(processorStatus());
  }

  return {
    enqueueBatch(request) {
      const { batch, prepend } = parseEnqueue(readJson(request), world.traits);
      const items = expandBatch(batch);
      const limit = faults.find("queue_full")?.maxQueueSize ?? settings.maxQueueSize;
      const room = Math.max(0, limit - queue.counts().pending);
      const accepted = items.slice(0, room);
      if (accepted.length < items.length) faults.strike("queue_full");
      const head = {
        batchId: batch.batch_id,
        origin: batch.origin,
        destination: batch.destination,
      };
      const { priority } = queue.insert(head, accepted, prepend);
      const rows = queue.listBatch(batch.batch_id);
      const counts = { enqueued: accepted.length, requested: items.length, priority };
      world.journal.enqueues.push({
        batchId: batch.batch_id,
        destination: batch.destination,
        requested: counts.requested,
        enqueued: counts.enqueued,
        itemIds: rows.slice(rows.length - accepted.length).map(({ item_id }) => item_id),
        seeds: accepted.map(({ session }) => findSeed(session.graph)),
      });
      events.batchEnqueued(batch, counts);
      runner.vanishBatchIfDue(batch.batch_id);
      runner.wake();
      return json({
        queue_id: "default",
        ...counts,
        batch,
        item_ids: rows.map(({ item_id }) => item_id).reverse(),
      });
    },

    batchStatus: ({ params }) => json(itemJson.batchStatus(params.batch ?? "")),

    queueStatus: () => json({ queue: itemJson.queueStatus(), processor: processorStatus() }),

    currentItem() {
      const row = queue.findCurrent();
      return json(row === undefined ? null : itemJson.item(row));
    },

    nextItem() {
      const row = queue.findNext();
      if (row === undefined) return json(null);
      return row.poison === null ? json(itemJson.item(row)) : poisonAnswer(row);
    },

    listAll: ({ url }) =>
      answerItems(queue.listAll(url.searchParams.get("destination") ?? undefined)),

    itemIds({ url }) {
      const ids = queue.itemIds(url.searchParams.get("order_dir") === "ASC");
      return json({ item_ids: ids, total_count: ids.length });
    },

    itemsByIds(request) {
      const ids = requireList(readJson(request), "item_ids");
      return answerItems(ids.flatMap((id) => queue.find(Number(id)) ?? []));
    },

    getItem: (request) => withItem(request, (row) => json(itemJson.singleItem(row))),

    deleteItem: (request) =>
      withItem(request, (row) => {
        runner.cancel([row]);
        queue.deleteItem(row.item_id);
        return json(null);
      }),

    deleteByDestination({ params }) {
      const rows = queue.listAll(params.destination ?? "");
      return remove(rows, () => rows.filter(({ item_id }) => queue.deleteItem(item_id) > 0).length);
    },

    cancelItem: (request) =>
      withItem(request, (row) => {
        runner.cancel([row]);
        return json(itemJson.item(queue.find(row.item_id) ?? row));
      }),

    cancelByBatchIds(request) {
      const ids = requireList(readJson(request), "batch_ids");
      return cancel(ids.flatMap((id) => queue.listBatch(String(id))));
    },

    cancelByDestination: ({ url }) =>
      cancel(queue.listAll(url.searchParams.get("destination") ?? "")),

    pruneQueue: () => json({ deleted: queue.prune() }),

    clearQueue: () => remove(queue.listAll(undefined), queue.clear),

    pauseProcessor: () => setPaused(true),

    resumeProcessor: () => setPaused(false),
  };
}

function poisonAnswer({ poison }: ItemRow): Answer {
  return detail(500, `Unexpected error: 1 validation error for GraphExecutionState\n${poison}`);
}
