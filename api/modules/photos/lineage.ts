import { type Static, t } from "elysia";
import { type LineageNode, listLineage } from "#db/queries/lineage";
import type { GenerationMetadata } from "#db/schema/photos";
import { notFound } from "#errors";
import type { ApiDeps } from "../../deps";
import { differingParameters } from "./differing-parameters";

const uuid = t.String({ format: "uuid" });

export const lineageSchema = t.Object({
  nodes: t.Array(
    t.Object({
      photo_id: uuid,
      session_id: t.Optional(uuid),
      step_id: t.Optional(uuid),
      role: t.Union([t.Literal("origin"), t.Literal("selected"), t.Literal("alternative")], {
        description: "What all come of; the choice of its step; another image",
      }),
      purged: t.Boolean({ description: "Deleted for good: a place without a picture" }),
    }),
  ),
  edges: t.Array(
    t.Object({
      from: uuid,
      to: uuid,
      kind: t.Union([t.Literal("img2img"), t.Literal("selected"), t.Literal("variation")]),
      changed: t.Record(t.String(), t.Array(t.Any(), { minItems: 2, maxItems: 2 }), {
        description: "Parameters that differ, before and after; null where one has none",
      }),
    }),
  ),
});

/** The refinement tree that a photo stands in, whole, also when it was purged itself. */
export async function showLineage(
  { database }: Pick<ApiDeps, "database">,
  photoId: string,
): Promise<Static<typeof lineageSchema>> {
  const nodes = await listLineage(database.db, photoId);
  if (nodes.length === 0) throw notFound("photo");
  const byId = new Map(nodes.map((node) => [node.id, node]));
  return {
    nodes: nodes.map((node) => ({
      photo_id: node.id,
      ...(node.sessionId !== null && { session_id: node.sessionId }),
      ...(node.stepId !== null && { step_id: node.stepId }),
      role: roleOf(node),
      purged: node.isPurged,
    })),
    edges: nodes.flatMap((node) => {
      const parent = node.parentId === null ? undefined : byId.get(node.parentId);
      if (!parent) return [];
      const changed = changesBetween(parent.generation, node.generation);
      return [{ from: parent.id, to: node.id, kind: kindOf(node), changed }];
    }),
  };
}

function roleOf(node: LineageNode) {
  if (node.parentId === null) return "origin";
  return node.isSelected ? "selected" : "alternative";
}

function kindOf(node: LineageNode) {
  if (node.isVariation) return "variation";
  return node.isFromChoice ? "selected" : "img2img";
}

/** None where one of the two was not generated, or no longer says how. */
function changesBetween(
  before: GenerationMetadata | null,
  after: GenerationMetadata | null,
): Record<string, [unknown, unknown]> {
  if (!before || !after) return {};
  const differing = differingParameters([before, after]);
  return Object.fromEntries(differing.map(({ name, values: [old, now] }) => [name, [old, now]]));
}
