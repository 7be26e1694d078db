import type { Static } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { type GenerationFailure, describeFailure, readItemFailure } from "./errors";
import { outputNode, seedNode, slotNode } from "./graphs/graph";
import type { BatchItem, ItemStatus } from "./types";
import { sequenceOf } from "./versions";
import { ImageOutput, Item, parseAnswer, parseMoment } from "./wire";

const statuses: ReadonlyMap<string, ItemStatus> = new Map([
  ["pending", "pending"],
  ["in_progress", "in_progress"],
  ["completed", "completed"],
  ["failed", "failed"],
  ["canceled", "cancelled"],
]);

/** Parses one queue item into our terms. */
export function parseItem(answer: unknown): BatchItem {
  const item = parseAnswer(Item, answer);
  // Newer servers have more states (`waiting`), none of them final.
  const status = statuses.get(item.status) ?? "in_progress";
  const imageName = findImageName(item);
  return {
    itemId: item.item_id,
    batchId: item.batch_id,
    status,
    statusSequence: sequenceOf(item),
    sessionId: item.session_id,
    slotIndex: findValue(item, slotNode),
    seed: findValue(item, seedNode),
    imageName,
    hasResults: Object.keys(item.session.results ?? {}).length > 0,
    failure: findFailure(item, status, imageName),
    createdAt: parseMoment(item.created_at),
    startedAt: item.started_at ? parseMoment(item.started_at) : null,
    completedAt: item.completed_at ? parseMoment(item.completed_at) : null,
  };
}

type WireItem = Static<typeof Item>;

function findValue(item: WireItem, node: string): number | null {
  const value = item.field_values?.find(({ node_path }) => node_path === node)?.value;
  return Number.isSafeInteger(value) ? (value as number) : null;
}

/** The image of the output node: other nodes have images too. */
function findImageName({ session }: WireItem): string | null {
  for (const id of session.source_prepared_mapping?.[outputNode] ?? []) {
    const result = session.results?.[id];
    if (Value.Check(ImageOutput, result)) return result.image.image_name;
  }
  return null;
}

function findFailure(
  item: WireItem,
  status: ItemStatus,
  imageName: string | null,
): GenerationFailure | null {
  if (status === "failed") return readItemFailure(item.error_type ?? "", item.error_message ?? "");
  return status === "completed" && imageName === null ? describeFailure("image_missing") : null;
}
