import type { Static } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { type GenerationFailure, describeFailure, readItemFailure } from "./errors";
import { seedNode, slotNode } from "./graphs/graph";
import { outputNumber } from "./graphs/recipe-placement";
import type { BatchItem, ItemStatus } from "./types";
import { sequenceOf } from "./versions";
import { ImageCollectionOutput, ImageOutput, Item, parseAnswer, parseMoment } from "./wire";

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
  const pictures = findPictures(item);
  const imageName = pictures[0]?.imageName ?? null;
  return {
    itemId: item.item_id,
    batchId: item.batch_id,
    status,
    statusSequence: sequenceOf(item),
    sessionId: item.session_id,
    slotIndex: findValue(item, slotNode),
    seed: findValue(item, seedNode),
    imageName,
    pictures,
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

/** The images of the output nodes, by output: other nodes have images too. */
function findPictures({ session }: WireItem): BatchItem["pictures"] {
  const outputs = new Map(
    Object.entries(session.source_prepared_mapping ?? {}).flatMap(([node, ids]) => {
      const output = outputNumber(node);
      return output === undefined ? [] : ids.map((id) => [id, output] as const);
    }),
  );
  // The results are in the order in which the nodes ran; the ids of a node are a set.
  const pictures = Object.entries(session.results ?? {}).flatMap(([id, result]) => {
    const output = outputs.get(id);
    if (output === undefined) return [];
    return imageNamesOf(result).map((imageName) => ({ output, imageName }));
  });
  return pictures.toSorted((a, b) => a.output - b.output);
}

function imageNamesOf(result: unknown): string[] {
  if (Value.Check(ImageOutput, result)) return [result.image.image_name];
  if (!Value.Check(ImageCollectionOutput, result)) return [];
  return result.collection.map(({ image_name }) => image_name);
}

function findFailure(
  item: WireItem,
  status: ItemStatus,
  imageName: string | null,
): GenerationFailure | null {
  if (status === "failed") return readItemFailure(item.error_type ?? "", item.error_message ?? "");
  return status === "completed" && imageName === null ? describeFailure("image_missing") : null;
}
