CREATE TABLE "notice_cursor" (
	"only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"event_id" bigint NOT NULL,
	CONSTRAINT "notice_cursor_one_row" CHECK ("notice_cursor"."only")
);
--> statement-breakpoint
CREATE TABLE "pod_offers" (
	"only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"offers" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"read_at" timestamp (3) with time zone,
	"last_error" text,
	CONSTRAINT "pod_offers_one_row" CHECK ("pod_offers"."only")
);
