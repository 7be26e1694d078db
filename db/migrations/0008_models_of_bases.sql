ALTER TABLE "backends" ADD COLUMN "models_digest" text;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "variant" text;--> statement-breakpoint
ALTER TABLE "models" DROP COLUMN "seen_at";