import { and, asc, eq, isNotNull } from "drizzle-orm";
import type { Db } from "../../client";
import { type ModelAccepts, models } from "../../schema/models";
import { isAvailableAt } from "../models/availability";

export type GenerationBase = { base: string; variant: string | null; accepts: ModelAccepts };

/** Base and variant of the supported main models that the place in force has. */
export async function listGenerationBases(db: Db): Promise<GenerationBase[]> {
  const rows = await db
    .selectDistinctOn([models.base, models.variant], {
      base: models.base,
      variant: models.variant,
      accepts: models.accepts,
    })
    .from(models)
    .where(
      and(
        eq(models.type, "main"),
        isAvailableAt(),
        isNotNull(models.accepts),
        isNotNull(models.defaults),
      ),
    )
    .orderBy(asc(models.base), asc(models.variant), asc(models.key));
  return rows.flatMap(({ base, variant, accepts }) =>
    accepts === null ? [] : [{ base, variant, accepts }],
  );
}
