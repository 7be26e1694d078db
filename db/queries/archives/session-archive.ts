import { and, asc, eq, inArray, isNull, sql } from "drizzle-orm";
import type { Db } from "../../client";
import { type Mask, masks } from "../../schema/masks";
import { type ModelRow, models } from "../../schema/models";
import { type Photo, photoColumns, photos } from "../../schema/photos";
import { type Recipe, recipes } from "../../schema/recipes";
import { type Session, sessions } from "../../schema/sessions";
import { type Slot, slots, type Step, steps } from "../../schema/steps";
import { imageIn, parentsOf } from "../photos/references";
import { companionKeysOf } from "#generation-parameters";

export type SessionRows = {
  session: Session;
  /** In their order. */
  steps: Step[];
  slots: Slot[];
  /** The session's own photos and all their ancestors. */
  photos: Photo[];
  /** Models, VAEs, LoRAs and adapters of the steps, as far as they were ever listed by InvokeAI. */
  models: ModelRow[];
  /** That the steps run. */
  recipes: Recipe[];
  /** Of its steps and photos. */
  masks: Mask[];
};

/** Everything that belongs to a session, from one snapshot; undefined when it does not exist. */
export async function readSession(db: Db, sessionId: string): Promise<SessionRows | undefined> {
  return db.transaction(
    async (tx) => {
      const [session] = await tx
        .select()
        .from(sessions)
        .where(and(eq(sessions.id, sessionId), isNull(sessions.deletedAt)));
      if (!session) return undefined;
      const itsSteps = await tx
        .select()
        .from(steps)
        .where(eq(steps.sessionId, sessionId))
        .orderBy(asc(steps.position));
      const stepIds = tx.select({ id: steps.id }).from(steps).where(eq(steps.sessionId, sessionId));
      const itsSlots = await tx
        .select()
        .from(slots)
        .where(inArray(slots.stepId, stepIds))
        .orderBy(asc(slots.stepId), asc(slots.index));
      // `union` terminates even if rows form a cycle.
      const taken = sql`
        with recursive taken(id) as (
          (select id from photos where session_id = ${sessionId}
            union select source_image_id from steps where session_id = ${sessionId}
            union select ${imageIn(sql`reference`)} from steps
              cross join jsonb_array_elements(reference_images) as reference
              where steps.session_id = ${sessionId}
            union select slots.source_image_id from slots join steps on steps.id = slots.step_id
              where steps.session_id = ${sessionId}
            union select photos.id from steps
              cross join jsonb_path_query(coalesce(parameters -> 'recipe' -> 'inputs', '{}'), '$.*[*]') as input
              join photos on photos.id = case when input #>> '{}' ~ ${uuidForm} then (input #>> '{}')::uuid end
              where steps.session_id = ${sessionId}
            union select source_image_id from sessions where id = ${sessionId})
          union
          select parent_id from taken join photos p on p.id = taken.id, ${parentsOf(sql`p`)} as parents
        ) select id from taken where id is not null`;
      const itsPhotos = await tx
        .select(photoColumns)
        .from(photos)
        .where(sql`${photos.id} in (${taken})`)
        .orderBy(asc(photos.createdAt), asc(photos.id));
      const keys = [...new Set(itsSteps.flatMap(keysOf))];
      const itsModels =
        keys.length === 0
          ? []
          : await tx.select().from(models).where(inArray(models.key, keys)).orderBy(models.key);
      const recipeIds = [...new Set(itsSteps.flatMap(({ recipeId }) => recipeId ?? []))];
      const itsRecipes =
        recipeIds.length === 0
          ? []
          : await tx
              .select()
              .from(recipes)
              .where(inArray(recipes.id, recipeIds))
              .orderBy(recipes.id);
      const hashes = [...itsSteps, ...itsPhotos].flatMap(({ maskHash }) => maskHash ?? []);
      const itsMasks =
        hashes.length === 0
          ? []
          : await tx
              .select()
              .from(masks)
              .where(inArray(masks.contentHash, [...new Set(hashes)]))
              .orderBy(masks.contentHash);
      return {
        session,
        steps: itsSteps,
        slots: itsSlots,
        photos: itsPhotos,
        models: itsModels,
        recipes: itsRecipes,
        masks: itsMasks,
      };
    },
    { isolationLevel: "repeatable read", accessMode: "read only" },
  );
}

/** An image among the inputs of a recipe, alone or in a list, is the id of a photo. */
const uuidForm = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";

function keysOf({ modelKey, parameters, references }: Step): string[] {
  const { vaeKey, loras = [], upscale } = parameters;
  const keys = [
    modelKey,
    vaeKey,
    upscale?.mainModelKey,
    upscale?.controlModelKey,
    ...Object.values(companionKeysOf(parameters)),
    ...loras.map((lora) => lora.modelKey),
    ...(references ?? []).flatMap(({ modelKey: adapter, encoderKey }) => [adapter, encoderKey]),
    ...(parameters.recipe?.models ?? []).map(({ key }) => key),
  ];
  return keys.filter((key) => key !== undefined);
}
