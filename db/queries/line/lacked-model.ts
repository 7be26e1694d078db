import { type SQL, sql } from "drizzle-orm";
import { companions } from "#generation-parameters";

const keyFields = sql.join(
  ["vaeKey", ...companions.map(({ field }) => field)].map(
    (field) => sql`steps.parameters ->> ${sql.raw(`'${field}'`)}`,
  ),
  sql`, `,
);

/**
 * The name of a model that the waiting run of a row of `waitingTurns` needs and that a place lacks, as its models were last
 * read; null: it lacks none, or was never read. As in `resolveModels`, the same weights under another key count. A
 * reproduction waits only for a model that another place has: otherwise its verdict is that the model is gone.
 * @param list the `model_list` of the place
 */
export function lackedModel(list: SQL | string): SQL<string | null> {
  return sql<string | null>`(
    select coalesce(known.name, needed.name, needed.key)
    from (
      select nullif(steps.model_key, '') as key, steps.model_hash as hash, steps.model_name as name
      union all select named.key, null, null
      from unnest(array[${keyFields}]) as named(key)
      union all select lora ->> 'modelKey', null, null
      from jsonb_array_elements(coalesce(steps.parameters -> 'loras', '[]')) as lora
      union all select used ->> 'key', used ->> 'hash', null
      from jsonb_array_elements(coalesce(steps.parameters -> 'recipe' -> 'models', '[]')) as used
      union all select photos.generation ->> 'modelKey', photos.generation ->> 'modelHash', photos.generation ->> 'modelName'
      where exists (select from models its join model_places there on there.key = its.key
        where its.hash = photos.generation ->> 'modelHash')
    ) as needed left join models as known on known.key = needed.key
    where needed.key is not null
      and exists (select from backends where ref = ${list} and models_synced_at is not null)
      and not exists (
        select from model_places as there join models as its on its.key = there.key
        where there.place = ${list} and (its.key = needed.key
          or (its.hash = coalesce(known.hash, needed.hash) and its.type = coalesce(known.type, its.type))))
    limit 1)`;
}
