import { and, asc, eq, isNotNull, sql } from "drizzle-orm";
import type { ReferenceRole } from "#generation-references";
import type { Db, Tx } from "../../client";
import { type ModelAccepts, models } from "../../schema/models";
import { isAvailableAt } from "../models/availability";

export type GenerationBase = { base: string; variant: string | null; accepts: ModelAccepts };

/** Base and variant of the supported main models that the place in force has. */
export async function listGenerationBases(db: Db | Tx): Promise<GenerationBase[]> {
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

/** The bases of available models that take a reference of a role. */
export async function listReferenceBases(db: Db | Tx, role: ReferenceRole): Promise<string[]> {
  const bases = await listGenerationBases(db);
  const able = bases.filter(({ accepts }) => accepts.references?.some((one) => one.role === role));
  return [...new Set(able.map(({ base }) => base))];
}

/** The bases of available models that paint a part of a picture. */
export async function listPaintingBases(db: Db | Tx): Promise<string[]> {
  const rows = await db
    .selectDistinct({ base: models.base })
    .from(models)
    .where(
      and(eq(models.type, "main"), isAvailableAt(), sql`${models.accepts}->>'inpaint' = 'true'`),
    )
    .orderBy(asc(models.base));
  return rows.map(({ base }) => base);
}
