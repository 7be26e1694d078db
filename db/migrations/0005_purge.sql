DROP INDEX "photos_trash";--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "deleted_at" timestamp (3) with time zone;--> statement-breakpoint
CREATE INDEX "photos_purged" ON "photos" USING btree ("id") WHERE "photos"."purged_at" is not null;--> statement-breakpoint
CREATE INDEX "sessions_deleted" ON "sessions" USING btree ("id") WHERE "sessions"."deleted_at" is not null;--> statement-breakpoint
CREATE INDEX "photos_trash" ON "photos" USING btree ("deleted_at","id") WHERE "photos"."deleted_at" is not null and "photos"."purged_at" is null;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_deleted_is_closed" CHECK ("sessions"."deleted_at" is null or "sessions"."status" <> 'active');