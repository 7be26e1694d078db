import type { Counts, ItemRow, Queue } from "./queue.ts";
import type { Traits } from "./versions.ts";

const owner = {
  queue_id: "default",
  user_id: "system",
  user_display_name: "System",
  user_email: "system@system.invokeai",
};

/** Fields of workflows that call other workflows, which no item here does. */
const unusedNewFields = {
  workflow_call_id: null,
  parent_item_id: null,
  parent_session_id: null,
  root_item_id: null,
  workflow_call_depth: null,
};

export type ItemJson = ReturnType<typeof createItemJson>;

/** Items and counters in the format of one version's routes and events. */
export function createItemJson(queue: Queue, traits: Traits) {
  /** An item in the format of list routes. */
  function item(row: ItemRow): Record<string, unknown> {
    const { session, field_values, poison: _poison, batch_index: _index, ...fields } = row;
    const device = row.started_at === null ? null : "cpu";
    return {
      ...fields,
      ...owner,
      ...(traits.hasNewItemFields && { ...unusedNewFields, device }),
      retried_from_item_id: null,
      workflow: null,
      field_values: JSON.parse(field_values) as unknown,
      session: JSON.parse(session) as unknown,
    };
  }

  function countersOf(counts: Counts): Omit<Counts, "waiting"> & { waiting?: number } {
    const { waiting, ...others } = counts;
    return traits.hasNewCounters ? { ...others, waiting } : others;
  }

  return {
    item,

    /** An item in the format of its own route: null fields are left out, at any depth. */
    singleItem: (row: ItemRow) => withoutNulls(item(row)) as Record<string, unknown>,

    batchStatus(batchId: string): Record<string, unknown> {
      const [first] = queue.listBatch(batchId);
      return {
        queue_id: "default",
        batch_id: batchId,
        origin: first?.origin ?? null,
        destination: first?.destination ?? null,
        ...countersOf(queue.counts(batchId)),
      };
    },

    queueStatus(): Record<string, unknown> {
      const current = queue.findCurrent();
      const counts = queue.counts();
      return {
        queue_id: "default",
        item_id: current?.item_id ?? null,
        batch_id: current?.batch_id ?? null,
        session_id: current?.session_id ?? null,
        ...countersOf(counts),
        user_pending: traits.hasNewCounters ? counts.pending : null,
        user_in_progress: traits.hasNewCounters ? counts.in_progress : null,
      };
    },
  };
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== null)
      .map(([name, field]) => [name, withoutNulls(field)]),
  );
}
