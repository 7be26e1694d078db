CREATE TABLE "uploaded_sources" (
	"backend" text NOT NULL,
	"content_hash" text NOT NULL,
	"image_name" text NOT NULL,
	"uploaded_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "uploaded_sources_backend_content_hash_pk" PRIMARY KEY("backend","content_hash")
);
--> statement-breakpoint
ALTER TABLE "slots" DROP CONSTRAINT "slots_status";--> statement-breakpoint
ALTER TABLE "slots" ADD COLUMN "failures" smallint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "slots" ADD CONSTRAINT "slots_status" CHECK ("slots"."status" in ('open', 'filled', 'failed', 'lost'));