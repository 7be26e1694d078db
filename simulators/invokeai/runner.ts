import type { QueueEvents } from "./events.ts";
import { createItemRun } from "./item-run.ts";
import { Stopped } from "./nodes/endings.ts";
import type { ItemRow } from "./queue.ts";
import type { World } from "./world.ts";

export type Runner = ReturnType<typeof createRunner>;

// How long the real server waits before it retries loading an item that it cannot load.
const poisonRetryMs = 1000;
const maxTensors = 2000;

/** The session processor: one item at a time, by priority, then by id. */
export function createRunner(world: World, events: QueueEvents) {
  const { queue, faults } = world;
  const tensors = new Map<string, unknown>();
  let life = new AbortController();
  let wake = Promise.withResolvers<void>();
  let running: { itemId: number; cancel: AbortController } | undefined;
  let loop = Promise.resolve();

  async function runItem(row: ItemRow, alive: AbortSignal): Promise<void> {
    const started = queue.setStatus(row.item_id, "in_progress");
    if (started === undefined) return;
    const cancel = new AbortController();
    running = { itemId: row.item_id, cancel };
    events.statusChanged(started);
    const run = createItemRun(world, events, started, tensors, { alive, canceled: cancel.signal });
    try {
      const failure = await run.execute();
      // Results are stored before the status changes.
      queue.saveSession(row.item_id, run.session);
      const ended = queue.setStatus(
        row.item_id,
        failure === undefined ? "completed" : "failed",
        failure?.error,
      );
      if (ended !== undefined) {
        events.statusChanged(ended);
        if (failure !== undefined) events.nodeFailed(ended, failure.node, failure.sourceId);
      }
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      // A canceled item's results are stored after its status; a stopped server stores nothing.
      if (!alive.aborted) queue.saveSession(row.item_id, run.session);
    } finally {
      if (!alive.aborted) running = undefined;
    }
    if (tensors.size > maxTensors) forget();
    if (!alive.aborted) vanishBatchIfDue(row.batch_id);
  }

  function forget(): void {
    tensors.clear();
    world.nodeCache.clear();
  }

  function vanishBatchIfDue(batchId: string): void {
    const { completed, failed, canceled } = queue.counts(batchId);
    const ended = completed + failed + canceled;
    if (faults.strike("batch_vanish", ({ afterItems = 0 }) => ended >= afterItems)) {
      removeBatch(batchId);
    }
  }

  function removeBatch(batchId: string): void {
    if (running !== undefined && queue.find(running.itemId)?.batch_id === batchId) {
      running.cancel.abort();
    }
    queue.deleteBatch(batchId);
  }

  function isPaused(): boolean {
    return world.settings.paused || faults.strike("processor_paused") !== undefined;
  }

  async function work(alive: AbortSignal): Promise<void> {
    while (!alive.aborted) {
      const next = queue.findNext();
      if (next === undefined || isPaused()) await wake.promise;
      else if (next.poison !== null) await Promise.race([Bun.sleep(poisonRetryMs), wake.promise]);
      else await runItem(next, alive);
      wake = Promise.withResolvers();
    }
  }

  return {
    start(): void {
      life = new AbortController();
      loop = work(life.signal);
    },

    /** Called when there may be an item to run. */
    wake: (): void => wake.resolve(),

    isRunning: (): boolean => running !== undefined,

    vanishBatchIfDue,
    removeBatch,

    /** Cancels unfinished rows; only the running one emits an event. Returns the number that the server reports. */
    cancel(rows: ItemRow[]): number {
      const unfinished = rows.filter(({ status }) => ["pending", "in_progress"].includes(status));
      let counted = unfinished.length;
      for (const row of unfinished) {
        const canceled = queue.setStatus(row.item_id, "canceled");
        if (running?.itemId !== row.item_id || canceled === undefined) continue;
        running.cancel.abort();
        if (!world.traits.countsRunningCancel) counted -= 1;
        events.statusChanged(canceled);
      }
      wake.resolve();
      return counted;
    },

    /** Leaves the running item as it is, like a kill of the process. */
    async kill(): Promise<void> {
      life.abort();
      wake.resolve();
      world.heldSteps.release();
      await loop;
      running = undefined;
      forget();
    },
  };
}
