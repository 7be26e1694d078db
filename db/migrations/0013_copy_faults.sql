CREATE TABLE "copy_faults" (
	"photo_id" uuid PRIMARY KEY NOT NULL,
	"reason" text NOT NULL,
	"copy_version" integer NOT NULL,
	"failed_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "copy_faults_reason" CHECK ("copy_faults"."reason" in ('missing', 'undecodable', 'too_costly'))
);
--> statement-breakpoint
ALTER TABLE "copy_faults" ADD CONSTRAINT "copy_faults_photo_id_photos_id_fk" FOREIGN KEY ("photo_id") REFERENCES "public"."photos"("id") ON DELETE cascade ON UPDATE no action;