DROP INDEX "turns_waiting";--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "priority" text DEFAULT 'normal' NOT NULL;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "not_before" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "window" jsonb;--> statement-breakpoint
ALTER TABLE "steps" ADD COLUMN "priority" text DEFAULT 'normal' NOT NULL;--> statement-breakpoint
ALTER TABLE "steps" ADD COLUMN "not_before" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "steps" ADD COLUMN "window" jsonb;--> statement-breakpoint
ALTER TABLE "turns" ADD COLUMN "rank" smallint DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "turns" ADD COLUMN "closes_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "turns" ADD COLUMN "parked" boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX "turns_waiting" ON "turns" USING btree ("rank","number") WHERE "turns"."backend" is null and not "turns"."parked";--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_priority" CHECK ("sessions"."priority" in ('now', 'normal', 'idle'));--> statement-breakpoint
ALTER TABLE "steps" ADD CONSTRAINT "steps_priority" CHECK ("steps"."priority" in ('now', 'normal', 'idle'));--> statement-breakpoint
ALTER TABLE "turns" ADD CONSTRAINT "turns_parked" CHECK (not "turns"."parked" or "turns"."backend" is null);