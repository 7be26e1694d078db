DROP INDEX "albums_newest";--> statement-breakpoint
DROP INDEX "photos_newest";--> statement-breakpoint
DROP INDEX "photos_newest_by_kind";--> statement-breakpoint
DROP INDEX "photos_session";--> statement-breakpoint
DROP INDEX "sessions_newest";--> statement-breakpoint
DROP INDEX "sessions_by_status";--> statement-breakpoint
DROP INDEX "share_links_newest";--> statement-breakpoint
CREATE INDEX "albums_newest" ON "albums" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "photos_newest" ON "photos" USING btree ("created_at","id") WHERE "photos"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "photos_newest_by_kind" ON "photos" USING btree ("kind","created_at","id") WHERE "photos"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "photos_session" ON "photos" USING btree ("session_id","created_at","id");--> statement-breakpoint
CREATE INDEX "sessions_newest" ON "sessions" USING btree ("started_at","id");--> statement-breakpoint
CREATE INDEX "sessions_by_status" ON "sessions" USING btree ("status","started_at","id");--> statement-breakpoint
CREATE INDEX "share_links_newest" ON "share_links" USING btree ("created_at","id");