ALTER TABLE "photos" ADD COLUMN "reference_images" jsonb;--> statement-breakpoint
ALTER TABLE "steps" ADD COLUMN "reference_images" jsonb;--> statement-breakpoint
CREATE INDEX "photos_references" ON "photos" USING gin ("reference_images" jsonb_path_ops) WHERE "photos"."reference_images" is not null;--> statement-breakpoint
CREATE INDEX "steps_references" ON "steps" USING gin ("reference_images" jsonb_path_ops) WHERE "steps"."reference_images" is not null;