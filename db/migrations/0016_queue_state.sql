ALTER TABLE "backends" ADD COLUMN "queue_paused" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "backends" ADD COLUMN "queue_others" integer DEFAULT 0 NOT NULL;