CREATE TABLE "attempt_counts" (
	"key" varchar(255) PRIMARY KEY NOT NULL,
	"points" integer DEFAULT 0 NOT NULL,
	"expire" bigint
);
--> statement-breakpoint
CREATE TABLE "photo_import_faults" (
	"import_id" uuid NOT NULL,
	"file" text NOT NULL,
	"code" text NOT NULL,
	"message" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "photo_imports" (
	"id" uuid PRIMARY KEY NOT NULL,
	"path" text NOT NULL,
	"makes_albums" boolean DEFAULT false NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"found" integer DEFAULT 0 NOT NULL,
	"imported" integer DEFAULT 0 NOT NULL,
	"duplicates" integer DEFAULT 0 NOT NULL,
	"failed" integer DEFAULT 0 NOT NULL,
	"position" text,
	"error" text,
	"cancel_requested_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp (3) with time zone,
	"completed_at" timestamp (3) with time zone,
	CONSTRAINT "photo_imports_status" CHECK ("photo_imports"."status" in ('pending', 'processing', 'completed', 'failed', 'cancelled'))
);
--> statement-breakpoint
CREATE TABLE "settings" (
	"name" text PRIMARY KEY NOT NULL,
	"value" jsonb NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "templates" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"description" text,
	"prompt_text" text NOT NULL,
	"negative_prompt" text,
	"category" text,
	"is_favorite" boolean DEFAULT false NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "templates_name" CHECK (char_length("templates"."name") between 1 and 100)
);
--> statement-breakpoint
ALTER TABLE "photos" DROP CONSTRAINT "photos_completed_has_bytes";--> statement-breakpoint
ALTER TABLE "photos" ADD COLUMN "shown_at" timestamp(3) GENERATED ALWAYS AS (coalesce("taken_at", "created_at" at time zone 'UTC')) STORED;--> statement-breakpoint
ALTER TABLE "photos" ADD COLUMN "tag_keys" text[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "photos" ADD COLUMN "search" "tsvector" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "photos" ADD COLUMN "purged_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "photos" ADD COLUMN "prompt_hash" text;--> statement-breakpoint
ALTER TABLE "photo_import_faults" ADD CONSTRAINT "photo_import_faults_import_id_photo_imports_id_fk" FOREIGN KEY ("import_id") REFERENCES "public"."photo_imports"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "photo_import_faults_of" ON "photo_import_faults" USING btree ("import_id","file");--> statement-breakpoint
CREATE INDEX "photo_imports_newest" ON "photo_imports" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "photo_imports_live" ON "photo_imports" USING btree ("id") WHERE "photo_imports"."status" in ('pending', 'processing');--> statement-breakpoint
CREATE INDEX "templates_newest" ON "templates" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "photos_taken" ON "photos" USING btree ("shown_at","id") WHERE "photos"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "photos_rated" ON "photos" USING btree (coalesce("rating", -1),"created_at","id") WHERE "photos"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "photos_favorite" ON "photos" USING btree ("created_at","id") WHERE "photos"."is_favorite" and "photos"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "photos_model" ON "photos" USING btree (("generation" ->> 'modelKey'),"created_at","id") WHERE "photos"."generation" is not null and "photos"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "photos_prompt" ON "photos" USING btree ("prompt_hash","created_at","id") WHERE "photos"."prompt_hash" is not null and "photos"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "photos_tags" ON "photos" USING gin ("tag_keys");--> statement-breakpoint
CREATE INDEX "photos_search" ON "photos" USING gin ("search");--> statement-breakpoint
ALTER TABLE "photos" ADD CONSTRAINT "photos_purged_is_trashed" CHECK ("photos"."purged_at" is null or "photos"."deleted_at" is not null);--> statement-breakpoint
ALTER TABLE "photos" ADD CONSTRAINT "photos_completed_has_bytes" CHECK ("photos"."retrieval_status" <> 'completed' or "photos"."purged_at" is not null or ("photos"."mime_type" is not null and "photos"."width" > 0 and "photos"."height" > 0 and "photos"."file_size" > 0 and "photos"."content_hash" ~ '^[0-9a-f]{64}$'));