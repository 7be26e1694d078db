CREATE TABLE "model_installs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"place" text NOT NULL,
	"source" text NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"pod_session_id" uuid,
	"backend" text,
	"sent_at" timestamp (3) with time zone,
	"tries" integer DEFAULT 0 NOT NULL,
	"job_id" integer,
	"bytes" bigint DEFAULT 0 NOT NULL,
	"total_bytes" bigint,
	"message" text,
	"error" text,
	"model_key" text,
	"cancel_requested_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp (3) with time zone,
	"completed_at" timestamp (3) with time zone,
	CONSTRAINT "model_installs_status" CHECK ("model_installs"."status" in ('pending', 'processing', 'completed', 'failed', 'cancelled')),
	CONSTRAINT "model_installs_end" CHECK (("model_installs"."status" in ('pending', 'processing')) = ("model_installs"."completed_at" is null)),
	CONSTRAINT "model_installs_model" CHECK ("model_installs"."status" <> 'completed' or "model_installs"."model_key" is not null)
);
--> statement-breakpoint
CREATE TABLE "starter_lists" (
	"place" text PRIMARY KEY NOT NULL,
	"models" jsonb NOT NULL,
	"bundles" jsonb NOT NULL,
	"read_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX "model_installs_one_open" ON "model_installs" USING btree ("place","source") WHERE "model_installs"."status" in ('pending', 'processing');--> statement-breakpoint
CREATE INDEX "model_installs_of_source" ON "model_installs" USING btree ("place","source","created_at");--> statement-breakpoint
CREATE INDEX "model_installs_newest" ON "model_installs" USING btree ("created_at","id");