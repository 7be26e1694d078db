CREATE TABLE "album_photos" (
	"album_id" uuid NOT NULL,
	"photo_id" uuid NOT NULL,
	"rank" bigint NOT NULL,
	"added_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "album_photos_album_id_photo_id_pk" PRIMARY KEY("album_id","photo_id")
);
--> statement-breakpoint
CREATE TABLE "albums" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"description" text,
	"cover_photo_id" uuid,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "albums_name" CHECK (char_length("albums"."name") between 1 and 200)
);
--> statement-breakpoint
CREATE TABLE "backends" (
	"ref" text PRIMARY KEY NOT NULL,
	"connected" boolean DEFAULT false NOT NULL,
	"api_version" text,
	"queue_pending" integer,
	"queue_in_progress" integer,
	"last_error" text,
	"checked_at" timestamp (3) with time zone,
	"models_synced_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "events" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "events_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"type" text NOT NULL,
	"session_id" uuid,
	"data" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"route" text NOT NULL,
	"key" text NOT NULL,
	"fingerprint" text NOT NULL,
	"status" smallint,
	"body" jsonb,
	"lease_until" timestamp (3) with time zone NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "idempotency_keys_route_key_pk" PRIMARY KEY("route","key")
);
--> statement-breakpoint
CREATE TABLE "installation" (
	"only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"id" uuid DEFAULT gen_random_uuid() NOT NULL,
	"cookie_secret" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "installation_one_row" CHECK ("installation"."only")
);
--> statement-breakpoint
CREATE TABLE "models" (
	"key" text PRIMARY KEY NOT NULL,
	"hash" text NOT NULL,
	"name" text NOT NULL,
	"type" text NOT NULL,
	"base" text NOT NULL,
	"format" text NOT NULL,
	"description" text,
	"defaults" jsonb,
	"accepts" jsonb,
	"is_available" boolean DEFAULT true NOT NULL,
	"is_favorite" boolean DEFAULT false NOT NULL,
	"last_used_at" timestamp (3) with time zone,
	"seen_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "photos" (
	"id" uuid PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"filename" text NOT NULL,
	"mime_type" text,
	"width" integer,
	"height" integer,
	"file_size" bigint,
	"content_hash" text,
	"thumbhash" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"taken_at" timestamp(3),
	"taken_at_offset_minutes" smallint,
	"title" text,
	"tags" text[] DEFAULT '{}' NOT NULL,
	"is_favorite" boolean DEFAULT false NOT NULL,
	"rating" smallint,
	"deleted_at" timestamp (3) with time zone,
	"retrieval_status" text NOT NULL,
	"retrieval_attempts" integer DEFAULT 0 NOT NULL,
	"retrieval_error" text,
	"backend" text,
	"invoke_id" text,
	"session_id" uuid,
	"step_id" uuid,
	"slot_index" smallint,
	"source_image_id" uuid,
	"generation" jsonb,
	"cost_usd" numeric(12, 6),
	CONSTRAINT "photos_kind" CHECK ("photos"."kind" in ('uploaded', 'generated')),
	CONSTRAINT "photos_retrieval_status" CHECK ("photos"."retrieval_status" in ('pending', 'processing', 'completed', 'failed')),
	CONSTRAINT "photos_completed_has_bytes" CHECK ("photos"."retrieval_status" <> 'completed' or ("photos"."mime_type" is not null and "photos"."width" > 0 and "photos"."height" > 0 and "photos"."file_size" > 0 and "photos"."content_hash" ~ '^[0-9a-f]{64}$')),
	CONSTRAINT "photos_upload_is_complete" CHECK ("photos"."kind" <> 'uploaded' or "photos"."retrieval_status" = 'completed'),
	CONSTRAINT "photos_rating" CHECK ("photos"."rating" between 0 and 5)
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"entry_type" text NOT NULL,
	"source_image_id" uuid,
	"title" text,
	"status" text DEFAULT 'active' NOT NULL,
	"discard_unselected" boolean DEFAULT false NOT NULL,
	"started_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"completed_at" timestamp (3) with time zone,
	CONSTRAINT "sessions_entry_type" CHECK ("sessions"."entry_type" in ('scratch', 'refinement')),
	CONSTRAINT "sessions_status" CHECK ("sessions"."status" in ('active', 'completed', 'abandoned')),
	CONSTRAINT "sessions_end" CHECK (("sessions"."status" = 'active') = ("sessions"."completed_at" is null))
);
--> statement-breakpoint
CREATE TABLE "share_links" (
	"id" uuid PRIMARY KEY NOT NULL,
	"key_hash" text NOT NULL,
	"photo_id" uuid,
	"album_id" uuid,
	"title" text,
	"expires_at" timestamp (3) with time zone,
	"password_hash" text,
	"password_version" integer DEFAULT 0 NOT NULL,
	"allow_download" boolean DEFAULT false NOT NULL,
	"show_metadata" boolean DEFAULT false NOT NULL,
	"max_views" integer,
	"view_count" integer DEFAULT 0 NOT NULL,
	"last_accessed_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"revoked_at" timestamp (3) with time zone,
	CONSTRAINT "share_links_one_target" CHECK (num_nonnulls("share_links"."photo_id", "share_links"."album_id") = 1),
	CONSTRAINT "share_links_key_hash" CHECK ("share_links"."key_hash" ~ '^[0-9a-f]{64}$'),
	CONSTRAINT "share_links_views" CHECK ("share_links"."view_count" >= 0 and ("share_links"."max_views" is null or ("share_links"."max_views" > 0 and "share_links"."view_count" <= "share_links"."max_views")))
);
--> statement-breakpoint
CREATE TABLE "attempts" (
	"step_id" uuid NOT NULL,
	"number" smallint NOT NULL,
	"batch_id" text NOT NULL,
	"backend" text NOT NULL,
	"slot_indexes" smallint[] NOT NULL,
	"source_image_name" text,
	"posted_at" timestamp (3) with time zone,
	"accepted_at" timestamp (3) with time zone,
	"settled_at" timestamp (3) with time zone,
	"outcome" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "attempts_step_id_number_pk" PRIMARY KEY("step_id","number"),
	CONSTRAINT "attempts_outcome" CHECK ("attempts"."outcome" in ('finished', 'interrupted', 'cancelled', 'refused')),
	CONSTRAINT "attempts_end" CHECK (("attempts"."settled_at" is null) = ("attempts"."outcome" is null))
);
--> statement-breakpoint
CREATE TABLE "slots" (
	"step_id" uuid NOT NULL,
	"slot_index" smallint NOT NULL,
	"seed" bigint NOT NULL,
	"status" text DEFAULT 'open' NOT NULL,
	"photo_id" uuid,
	"error" jsonb,
	CONSTRAINT "slots_step_id_slot_index_pk" PRIMARY KEY("step_id","slot_index"),
	CONSTRAINT "slots_status" CHECK ("slots"."status" in ('open', 'filled', 'failed')),
	CONSTRAINT "slots_seed" CHECK ("slots"."seed" between 0 and 4294967295)
);
--> statement-breakpoint
CREATE UNLOGGED TABLE "step_progress" (
	"step_id" uuid PRIMARY KEY NOT NULL,
	"progress" real NOT NULL,
	"message" text,
	"preview" text,
	"estimated_completion" timestamp (3) with time zone,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "step_progress_range" CHECK ("step_progress"."progress" between 0 and 1)
);
--> statement-breakpoint
CREATE TABLE "steps" (
	"id" uuid PRIMARY KEY NOT NULL,
	"session_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"parent_id" uuid,
	"source_image_id" uuid,
	"prompt" text NOT NULL,
	"negative_prompt" text,
	"parameters" jsonb NOT NULL,
	"model_key" text NOT NULL,
	"model_hash" text NOT NULL,
	"model_name" text NOT NULL,
	"correlation_id" uuid NOT NULL,
	"batch_size" smallint NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"progress_message" text,
	"error" jsonb,
	"selected_image_id" uuid,
	"cancel_requested_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp (3) with time zone,
	"completed_at" timestamp (3) with time zone,
	"cost_usd" numeric(12, 6),
	CONSTRAINT "steps_status" CHECK ("steps"."status" in ('pending', 'processing', 'completed', 'failed', 'cancelled')),
	CONSTRAINT "steps_batch_size" CHECK ("steps"."batch_size" between 1 and 100),
	CONSTRAINT "steps_end" CHECK (("steps"."status" in ('completed', 'failed', 'cancelled')) = ("steps"."completed_at" is not null))
);
--> statement-breakpoint
ALTER TABLE "album_photos" ADD CONSTRAINT "album_photos_album_id_albums_id_fk" FOREIGN KEY ("album_id") REFERENCES "public"."albums"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "album_photos" ADD CONSTRAINT "album_photos_photo_id_photos_id_fk" FOREIGN KEY ("photo_id") REFERENCES "public"."photos"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "albums" ADD CONSTRAINT "albums_cover_photo_id_photos_id_fk" FOREIGN KEY ("cover_photo_id") REFERENCES "public"."photos"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "photos" ADD CONSTRAINT "photos_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "photos" ADD CONSTRAINT "photos_step_id_steps_id_fk" FOREIGN KEY ("step_id") REFERENCES "public"."steps"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "photos" ADD CONSTRAINT "photos_source_image_id_photos_id_fk" FOREIGN KEY ("source_image_id") REFERENCES "public"."photos"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_source_image_id_photos_id_fk" FOREIGN KEY ("source_image_id") REFERENCES "public"."photos"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "share_links" ADD CONSTRAINT "share_links_photo_id_photos_id_fk" FOREIGN KEY ("photo_id") REFERENCES "public"."photos"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "share_links" ADD CONSTRAINT "share_links_album_id_albums_id_fk" FOREIGN KEY ("album_id") REFERENCES "public"."albums"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "attempts" ADD CONSTRAINT "attempts_step_id_steps_id_fk" FOREIGN KEY ("step_id") REFERENCES "public"."steps"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "slots" ADD CONSTRAINT "slots_step_id_steps_id_fk" FOREIGN KEY ("step_id") REFERENCES "public"."steps"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "slots" ADD CONSTRAINT "slots_photo_id_photos_id_fk" FOREIGN KEY ("photo_id") REFERENCES "public"."photos"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "step_progress" ADD CONSTRAINT "step_progress_step" FOREIGN KEY ("step_id") REFERENCES "public"."steps"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "steps" ADD CONSTRAINT "steps_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "steps" ADD CONSTRAINT "steps_parent_id_steps_id_fk" FOREIGN KEY ("parent_id") REFERENCES "public"."steps"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "steps" ADD CONSTRAINT "steps_source_image_id_photos_id_fk" FOREIGN KEY ("source_image_id") REFERENCES "public"."photos"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "steps" ADD CONSTRAINT "steps_selected_image_id_photos_id_fk" FOREIGN KEY ("selected_image_id") REFERENCES "public"."photos"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "album_photos_order" ON "album_photos" USING btree ("album_id","rank","photo_id");--> statement-breakpoint
CREATE INDEX "album_photos_photo" ON "album_photos" USING btree ("photo_id");--> statement-breakpoint
CREATE INDEX "albums_newest" ON "albums" USING btree ("created_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "albums_cover" ON "albums" USING btree ("cover_photo_id");--> statement-breakpoint
CREATE INDEX "events_session" ON "events" USING btree ("session_id","id");--> statement-breakpoint
CREATE INDEX "events_age" ON "events" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "idempotency_keys_age" ON "idempotency_keys" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "models_list" ON "models" USING btree ("type","base","name");--> statement-breakpoint
CREATE INDEX "models_hash" ON "models" USING btree ("hash");--> statement-breakpoint
CREATE UNIQUE INDEX "photos_upload_once" ON "photos" USING btree ("content_hash") WHERE "photos"."kind" = 'uploaded';--> statement-breakpoint
CREATE UNIQUE INDEX "photos_slot_once" ON "photos" USING btree ("step_id","slot_index") WHERE "photos"."step_id" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "photos_invoke_image_once" ON "photos" USING btree ("invoke_id") WHERE "photos"."invoke_id" is not null;--> statement-breakpoint
CREATE INDEX "photos_newest" ON "photos" USING btree ("created_at" DESC NULLS LAST,"id" DESC NULLS LAST) WHERE "photos"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "photos_newest_by_kind" ON "photos" USING btree ("kind","created_at" DESC NULLS LAST,"id" DESC NULLS LAST) WHERE "photos"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "photos_session" ON "photos" USING btree ("session_id","created_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "photos_step" ON "photos" USING btree ("step_id","slot_index");--> statement-breakpoint
CREATE INDEX "photos_source" ON "photos" USING btree ("source_image_id");--> statement-breakpoint
CREATE INDEX "photos_live_retrievals" ON "photos" USING btree ("id") WHERE "photos"."retrieval_status" in ('pending', 'processing');--> statement-breakpoint
CREATE INDEX "photos_trash" ON "photos" USING btree ("deleted_at","id") WHERE "photos"."deleted_at" is not null;--> statement-breakpoint
CREATE INDEX "sessions_newest" ON "sessions" USING btree ("started_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "sessions_by_status" ON "sessions" USING btree ("status","started_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "sessions_source" ON "sessions" USING btree ("source_image_id");--> statement-breakpoint
CREATE UNIQUE INDEX "share_links_key" ON "share_links" USING btree ("key_hash");--> statement-breakpoint
CREATE INDEX "share_links_newest" ON "share_links" USING btree ("created_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "share_links_photo" ON "share_links" USING btree ("photo_id");--> statement-breakpoint
CREATE INDEX "share_links_album" ON "share_links" USING btree ("album_id");--> statement-breakpoint
CREATE UNIQUE INDEX "attempts_batch" ON "attempts" USING btree ("batch_id");--> statement-breakpoint
CREATE UNIQUE INDEX "attempts_one_open" ON "attempts" USING btree ("step_id") WHERE "attempts"."settled_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "slots_photo_once" ON "slots" USING btree ("photo_id") WHERE "slots"."photo_id" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "steps_order" ON "steps" USING btree ("session_id","position");--> statement-breakpoint
CREATE INDEX "steps_live" ON "steps" USING btree ("created_at","id") WHERE "steps"."status" in ('pending', 'processing');--> statement-breakpoint
CREATE INDEX "steps_parent" ON "steps" USING btree ("parent_id");--> statement-breakpoint
CREATE INDEX "steps_source" ON "steps" USING btree ("source_image_id");--> statement-breakpoint
CREATE INDEX "steps_selected" ON "steps" USING btree ("selected_image_id");