ALTER TABLE "step_progress" ADD COLUMN "image_progress" real;--> statement-breakpoint
ALTER TABLE "steps" ADD COLUMN "turn_place" integer;--> statement-breakpoint
CREATE INDEX "steps_pace" ON "steps" USING btree ("model_hash",(("parameters" ->> 'width')::int * ("parameters" ->> 'height')::int),"completed_at") WHERE "steps"."status" = 'completed';--> statement-breakpoint
ALTER TABLE "step_progress" ADD CONSTRAINT "step_progress_image" CHECK ("step_progress"."image_progress" between 0 and 1);