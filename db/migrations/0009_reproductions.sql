CREATE TABLE "reproductions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"photo_id" uuid NOT NULL,
	"batches" smallint DEFAULT 0 NOT NULL,
	"batch_id" text,
	"backend" text,
	"source_image_name" text,
	"posted_at" timestamp (3) with time zone,
	"accepted_at" timestamp (3) with time zone,
	"image_name" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"judged_at" timestamp (3) with time zone
);
--> statement-breakpoint
ALTER TABLE "photos" ADD COLUMN "reproduction" jsonb;--> statement-breakpoint
ALTER TABLE "reproductions" ADD CONSTRAINT "reproductions_photo_id_photos_id_fk" FOREIGN KEY ("photo_id") REFERENCES "public"."photos"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "reproductions_one_open" ON "reproductions" USING btree ("photo_id") WHERE "reproductions"."judged_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "reproductions_batch" ON "reproductions" USING btree ("batch_id") WHERE "reproductions"."batch_id" is not null;--> statement-breakpoint
CREATE INDEX "reproductions_photo" ON "reproductions" USING btree ("photo_id","created_at");--> statement-breakpoint
CREATE INDEX "reproductions_live" ON "reproductions" USING btree ("photo_id") WHERE "reproductions"."judged_at" is null or "reproductions"."image_name" is not null;