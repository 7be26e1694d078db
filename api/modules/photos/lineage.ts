import { type Static, t } from "elysia";
import { type LineageNode, listLineage } from "#db/queries/photos/lineage";
import type { Model } from "#db/schema/models";
import { notFound } from "#errors";
import { referenceRoles } from "#generation-references";
import type { ApiDeps } from "../../deps";
import { oneOf } from "../../fields/one-of";
import { maskUrl } from "../generation/mask-url";
import { seedCount } from "../generation/parameters";
import { differingParameters } from "./differing-parameters";
import { findRecordedModels } from "./recorded-models";

const uuid = t.String({ format: "uuid" });

/** How a photo was derived from another. */
export const edgeKinds = [
  "img2img",
  "inpaint",
  "outpaint",
  "reference",
  "selected",
  "upscale",
  "variation",
] as const;

export const lineageSchema = t.Object({
  nodes: t.Array(
    t.Object({
      photo_id: uuid,
      session_id: t.Optional(uuid),
      step_id: t.Optional(uuid),
      role: oneOf(["origin", "selected", "alternative"], {
        description:
          "origin: it was made from no other. selected: the selected image of its step. alternative: any other image.",
      }),
      purged: t.Boolean({ description: "Deleted for good: the node has no image" }),
    }),
  ),
  edges: t.Array(
    t.Object({
      from: uuid,
      to: uuid,
      kind: oneOf(edgeKinds, {
        description:
          "inpaint: a part of the parent was painted by a mask. outpaint: it was extended. upscale: it was enlarged. reference: it conditioned the image, in this `role`. selected: from the selected image of the parent step. variation: from its parameters, not its pixels.",
      }),
      role: t.Optional(oneOf(referenceRoles, { description: "Of a reference" })),
      mask_url: t.Optional(t.String()),
      changed: t.Record(t.String(), t.Array(t.Any(), { minItems: 2, maxItems: 2 }), {
        description: "Parameters that differ, as [before, after]; null if one has no value",
      }),
    }),
  ),
});

/** The whole refinement tree of a photo, which may itself be purged. */
export async function showLineage(
  { database }: Pick<ApiDeps, "database">,
  photoId: string,
): Promise<Static<typeof lineageSchema>> {
  const nodes = await listLineage(database.db, photoId);
  if (nodes.length === 0) throw notFound("photo");
  const models = await findRecordedModels(database.db, nodes);
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
      const references = (node.references ?? [])
        .filter(({ imageId }) => byId.has(imageId))
        .map(({ imageId: from, role }) => ({
          from,
          to: node.id,
          kind: "reference" as const,
          role,
          changed: {},
        }));
      const parent = node.parentId === null ? undefined : byId.get(node.parentId);
      if (!parent) return references;
      const changed = changesBetween(parent, node, models);
      const mask = node.maskHash === null ? {} : { mask_url: maskUrl(node.maskHash) };
      return [
        { from: parent.id, to: node.id, kind: kindOf(node), ...mask, changed },
        ...references,
      ];
    }),
  };
}

function roleOf(node: LineageNode) {
  if (node.parentId === null && !node.references) return "origin";
  return node.isSelected ? "selected" : "alternative";
}

function kindOf(node: LineageNode) {
  if (node.isVariation) return "variation";
  if (node.generation?.upscale) return "upscale";
  if (node.generation?.expand) return "outpaint";
  if (node.maskHash !== null) return "inpaint";
  return node.isFromChoice ? "selected" : "img2img";
}

/** Empty if one of the two has no generation metadata. */
function changesBetween(
  before: LineageNode,
  after: LineageNode,
  models: ReadonlyMap<string, Model>,
): Record<string, [unknown, unknown]> {
  if (!before.generation || !after.generation) return {};
  const differing = differingParameters([before, after], models).filter(
    ({ name }) => name !== "seed" || firstSeedOf(before) !== firstSeedOf(after),
  );
  return Object.fromEntries(differing.map(({ name, values: [old, now] }) => [name, [old, now]]));
}

/** The seed of the step: an image's seed is the step's plus its slot index, modulo 2³². */
function firstSeedOf({ generation, slotIndex }: LineageNode): number | undefined {
  const { seed } = generation ?? {};
  // The outputs of a recipe share a seed.
  if (seed === undefined || slotIndex === null || generation?.recipe) return seed;
  return seed < slotIndex ? seed - slotIndex + seedCount : seed - slotIndex;
}
