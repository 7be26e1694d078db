CREATE TABLE "moved_originals" (
	"photo_id" uuid PRIMARY KEY NOT NULL,
	"fault" text,
	CONSTRAINT "moved_originals_fault" CHECK ("moved_originals"."fault" in ('missing', 'damaged'))
);
--> statement-breakpoint
CREATE TABLE "storage_moves" (
	"id" uuid PRIMARY KEY NOT NULL,
	"source" text NOT NULL,
	"target" text NOT NULL,
	"status" text DEFAULT 'copying' NOT NULL,
	"keeps_files" boolean DEFAULT false NOT NULL,
	"deleted_up_to" uuid,
	"message" text,
	"started_at" timestamp (3) with time zone NOT NULL,
	"switched_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	"forgotten_at" timestamp (3) with time zone,
	CONSTRAINT "storage_moves_source" CHECK ("storage_moves"."source" in ('disk', 's3')),
	CONSTRAINT "storage_moves_target" CHECK ("storage_moves"."target" in ('disk', 's3')),
	CONSTRAINT "storage_moves_places" CHECK ("storage_moves"."source" <> "storage_moves"."target"),
	CONSTRAINT "storage_moves_status" CHECK ("storage_moves"."status" in ('copying', 'switching', 'completed', 'cancelled', 'forgetting', 'forgotten'))
);
--> statement-breakpoint
ALTER TABLE "moved_originals" ADD CONSTRAINT "moved_originals_photo_id_photos_id_fk" FOREIGN KEY ("photo_id") REFERENCES "public"."photos"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "storage_moves_one_open" ON "storage_moves" USING btree ((true)) WHERE "storage_moves"."status" in ('copying', 'switching', 'forgetting');--> statement-breakpoint
CREATE INDEX "storage_moves_newest" ON "storage_moves" USING btree ("started_at","id");