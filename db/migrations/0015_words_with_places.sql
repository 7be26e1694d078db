-- Words are made anew when migrations are done: now with their places, Hangul by syllables, flags and keycaps.
UPDATE "photos" SET "search" = '' WHERE "purged_at" IS NULL;
