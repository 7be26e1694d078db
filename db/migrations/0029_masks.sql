CREATE TABLE "masks" (
	"content_hash" text PRIMARY KEY NOT NULL,
	"width" integer NOT NULL,
	"height" integer NOT NULL,
	"png" "bytea" NOT NULL,
	"used_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "masks_size" CHECK ("masks"."width" > 0 and "masks"."height" > 0)
);
--> statement-breakpoint
ALTER TABLE "photos" ADD COLUMN "mask_hash" text;--> statement-breakpoint
ALTER TABLE "reproductions" ADD COLUMN "image_names" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "attempts" ADD COLUMN "image_names" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "steps" ADD COLUMN "mask_hash" text;--> statement-breakpoint
ALTER TABLE "photos" ADD CONSTRAINT "photos_mask_hash_masks_content_hash_fk" FOREIGN KEY ("mask_hash") REFERENCES "public"."masks"("content_hash") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "steps" ADD CONSTRAINT "steps_mask_hash_masks_content_hash_fk" FOREIGN KEY ("mask_hash") REFERENCES "public"."masks"("content_hash") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "photos_mask" ON "photos" USING btree ("mask_hash") WHERE "photos"."mask_hash" is not null;--> statement-breakpoint
CREATE INDEX "steps_mask" ON "steps" USING btree ("mask_hash") WHERE "steps"."mask_hash" is not null;