import type { Counts, ItemRow, Queue } from "./queue.ts";

const owner = {
  queue_id: "default",
  user_id: "system",
  user_display_name: "System",
  user_email: "system@system.invokeai",
};

/** Fields of features that no item here uses. */
const unusedFields = {
  retried_from_item_id: null,
  workflow_call_id: null,
  parent_item_id: null,
  parent_session_id: null,
  root_item_id: null,
  workflow_call_depth: null,
  workflow: null,
};

/** An item as lists of items hold it. */
export function itemToJson(row: ItemRow): Record<string, unknown> {
  const { session, field_values, poison: _poison, batch_index: _index, ...fields } = row;
  return {
    ...fields,
    ...owner,
    ...unusedFields,
    field_values: JSON.parse(field_values) as unknown,
    device: row.started_at === null ? null : "cpu",
    session: JSON.parse(session) as unknown,
  };
}

/** An item as its own route answers it: null fields are left out, at any depth. */
export function singleItemToJson(row: ItemRow): Record<string, unknown> {
  return withoutNulls(itemToJson(row)) as Record<string, unknown>;
}

export function batchStatusJson(queue: Queue, batchId: string): Record<string, unknown> {
  const [first] = queue.listBatch(batchId);
  return {
    queue_id: "default",
    batch_id: batchId,
    origin: first?.origin ?? null,
    destination: first?.destination ?? null,
    ...queue.counts(batchId),
  };
}

export function queueStatusJson(queue: Queue): Record<string, unknown> & Counts {
  const current = queue.findCurrent();
  const counts = queue.counts();
  return {
    queue_id: "default",
    item_id: current?.item_id ?? null,
    batch_id: current?.batch_id ?? null,
    session_id: current?.session_id ?? null,
    ...counts,
    user_pending: counts.pending,
    user_in_progress: counts.in_progress,
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
