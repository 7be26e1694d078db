import type { Database } from "#db/client";

/** In this many of a hundred prompts. */
export const frequentWord = "portrait";
/** In one of fifty thousand prompts. */
export const rareWord = "xylophone";
/** On every twentieth photo. */
export const tag = "family";
export const albumId = "00000000-0000-4000-8000-00000000a1b0";

const albumSize = 20_000;

/**
 * Fills an empty library with rows of finished photos, without files: one every ten minutes back in time, a million in
 * twenty years. Half of them are generated, every 50th is a favourite, every 100th is in the trash. Words are made in
 * SQL, since all are lower case without accents. Indexes are created afterwards, which is faster.
 */
export async function seedLibrary({ sql }: Database, amount: number): Promise<void> {
  const indexes = await sql<{ name: string; definition: string }[]>`
    select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition
    from pg_index where indrelid = 'photos'::regclass and not indisprimary`;
  for (const { name } of indexes) await sql.unsafe(`drop index ${name}`);
  await sql`
    insert into photos (id, kind, filename, mime_type, width, height, file_size, content_hash, thumbhash, created_at,
      taken_at, title, tags, tag_keys, is_favorite, rating, deleted_at, retrieval_status, invoke_id, generation,
      prompt_hash, search)
    select gen_random_uuid(), kind, filename, 'image/jpeg', 4032, 3024, 1900000 + i,
      encode(sha256(('photo ' || i)::bytea), 'hex'), '3OcRJYB4d3h/iIeHeEh3eIhw+j3A', at,
      case when kind = 'uploaded' and i % 10 < 8 then at at time zone 'UTC' - (i % 1000) * interval '1 hour' end,
      title, tags, tags, i % 50 = 0, case when i % 10 = 0 then i / 10 % 6 end, case when i % 100 = 99 then now() end,
      'completed', case when kind = 'generated' then 'image-' || i || '.png' end,
      case when prompt is not null then jsonb_build_object('prompt', prompt, 'negativePrompt', negative,
        'modelKey', 'model-' || i % 7, 'modelName', 'A model', 'seed', i, 'steps', 30, 'cfgScale', 7.5,
        'scheduler', 'euler', 'width', 1024, 'height', 1024) end,
      case when prompt is not null then encode(sha256(prompt::bytea), 'hex') end,
      strip(to_tsvector('simple', concat_ws(' ', translate(filename, '_.', '  '), title, array_to_string(tags, ' '),
        prompt, negative)))
    from (
      select i, now() - i * interval '10 minutes' as at,
        case when i % 2 = 0 then 'generated' else 'uploaded' end as kind, 'img_' || i || '.jpg' as filename,
        case when i % 10 = 0 then 'title ' || i end as title,
        array_remove(array['place' || i * 7919::bigint % 500, case when i * 6151::bigint % 20 = 0 then ${tag} end,
          case when i % 3 = 0 then 'year' || i / 52560 end], null) as tags,
        case when i % 2 = 0 then 'a photo of word' || i * 104729::bigint % 20000 || ' with word'
          || i * 15485863::bigint % 3000 || ', soft light, by the sea at dawn'
          || case when i * 7907::bigint % 10 < 6 then ', ' || ${frequentWord} else '' end
          || case when i % 50000 = 0 then ', ' || ${rareWord} else '' end end as prompt,
        case when i % 2 = 0 then 'people, blurry, low quality' end as negative
      from generate_series(1, ${amount}) as i
    ) as made`;
  await sql`insert into albums (id, name) values (${albumId}, 'Bench')`;
  await sql`
    insert into album_photos (album_id, photo_id, rank)
    select ${albumId}, id, row_number() over (order by content_hash) * 65536
    from (select id, content_hash from photos where deleted_at is null order by content_hash limit ${albumSize}) as chosen`;
  await sql.begin(async (tx) => {
    // Enough to build the indexes of words and tags in one pass.
    await tx`set local maintenance_work_mem = '1GB'`;
    for (const { definition } of indexes) await tx.unsafe(definition);
  });
  // Autovacuum would have done this in a library that grew over years.
  await sql`vacuum analyze`;
}
