import type { Db } from "#db/client";
import { type NamedModel, resolveModels } from "#db/queries/models/model-lookup";
import type { Model } from "#db/schema/models";
import type { Photo } from "#db/schema/photos";
import { companionKeysOf } from "#generation-parameters";

/** The known models that photos name, and the default VAEs of those models, by recorded key. */
export async function findRecordedModels(
  db: Db,
  photos: readonly Pick<Photo, "generation" | "references">[],
): Promise<ReadonlyMap<string, Model>> {
  const named = new Map<string, NamedModel>();
  for (const { generation: one, references } of photos) {
    for (const { modelKey: key } of references ?? [])
      if (key !== undefined) named.set(key, { key });
    if (!one) continue;
    if (one.modelKey !== undefined) {
      named.set(one.modelKey, { key: one.modelKey, hash: one.modelHash });
    }
    const parts = [one.vaeKey, ...Object.values(companionKeysOf(one))];
    for (const key of [...parts, ...(one.loras ?? []).map(({ modelKey }) => modelKey)]) {
      if (key !== undefined) named.set(key, { key });
    }
  }
  const found = await resolveModels(db, [...named.values()]);
  const defaultVaes = [...found.values()].flatMap(({ defaults }) =>
    defaults?.vaeKey === undefined ? [] : [{ key: defaults.vaeKey }],
  );
  return new Map([...(await resolveModels(db, defaultVaes)), ...found]);
}
