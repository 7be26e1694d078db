CREATE TABLE "mirror_states" (
	"backend" text PRIMARY KEY NOT NULL,
	"compared_at" timestamp (3) with time zone,
	"waiting" integer DEFAULT 0 NOT NULL,
	"fault" text,
	"updated_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "mirrored_boards" (
	"backend" text NOT NULL,
	"board_id" text NOT NULL,
	"name" text NOT NULL,
	"chosen_as" text,
	"has_album" boolean DEFAULT false NOT NULL,
	"album_id" uuid,
	CONSTRAINT "mirrored_boards_backend_board_id_pk" PRIMARY KEY("backend","board_id")
);
--> statement-breakpoint
CREATE TABLE "mirrored_images" (
	"backend" text NOT NULL,
	"image_name" text NOT NULL,
	"outcome" text NOT NULL,
	"photo_id" uuid,
	"reason" text,
	"is_starred" boolean DEFAULT false NOT NULL,
	"board_id" text,
	"seen_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "mirrored_images_backend_image_name_pk" PRIMARY KEY("backend","image_name"),
	CONSTRAINT "mirrored_images_outcome" CHECK ("mirrored_images"."outcome" in ('taken', 'known', 'own', 'refused'))
);
--> statement-breakpoint
ALTER TABLE "mirrored_boards" ADD CONSTRAINT "mirrored_boards_album_id_albums_id_fk" FOREIGN KEY ("album_id") REFERENCES "public"."albums"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "mirrored_images" ADD CONSTRAINT "mirrored_images_photo_id_photos_id_fk" FOREIGN KEY ("photo_id") REFERENCES "public"."photos"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "mirrored_boards_album" ON "mirrored_boards" USING btree ("album_id");--> statement-breakpoint
CREATE INDEX "mirrored_images_photo" ON "mirrored_images" USING btree ("photo_id");--> statement-breakpoint
CREATE INDEX "mirrored_images_refused" ON "mirrored_images" USING btree ("seen_at","image_name") WHERE "mirrored_images"."outcome" = 'refused';