ALTER TABLE "slots" ADD COLUMN "source_image_id" uuid;--> statement-breakpoint
ALTER TABLE "slots" ADD COLUMN "enlargement" jsonb;--> statement-breakpoint
ALTER TABLE "slots" ADD CONSTRAINT "slots_source_image_id_photos_id_fk" FOREIGN KEY ("source_image_id") REFERENCES "public"."photos"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "slots_source" ON "slots" USING btree ("source_image_id") WHERE "slots"."source_image_id" is not null;