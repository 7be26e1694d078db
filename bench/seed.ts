import type { Database } from "#db/client";

/**
 * Adds rows of finished photos, without files, until there are `amount`: one a minute back in time, every second one
 * generated.
 */
export async function seedPhotos({ sql }: Database, amount: number): Promise<void> {
  await sql`
    insert into photos (id, kind, filename, mime_type, width, height, file_size, content_hash, thumbhash,
      created_at, title, tags, retrieval_status, retrieval_attempts, invoke_id, generation)
    select gen_random_uuid(), case when i % 2 = 0 then 'generated' else 'uploaded' end, 'picture ' || i || '.png',
      'image/png', 1024, 1024, 1900000 + i, encode(sha256(('photo ' || i)::bytea), 'hex'), '3OcRJYB4d3h/iIeHeEh3eIhw+j3A',
      now() - i * interval '1 minute', case when i % 10 = 0 then 'Title ' || i end, array['sea', 'bench'],
      'completed', 0, case when i % 2 = 0 then 'image-' || i || '.png' end,
      case when i % 2 = 0 then jsonb_build_object('prompt', 'hills by the sea, number ' || i, 'negativePrompt', 'people',
        'modelKey', 'a-model', 'modelName', 'A model', 'seed', i, 'steps', 30, 'cfgScale', 7.5, 'scheduler', 'euler',
        'width', 1024, 'height', 1024) end
    from generate_series(1, ${amount} - (select count(*) from photos)::int) as i`;
  // Autovacuum would have done this in a library that grew over months.
  await sql`vacuum analyze photos`;
}
