CREATE TABLE "turns" (
	"number" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "turns_number_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"step_id" uuid,
	"photo_id" uuid,
	"asked_at" timestamp (3) with time zone NOT NULL,
	"backend" text,
	"granted_at" timestamp (3) with time zone,
	"notified_at" timestamp (3) with time zone,
	CONSTRAINT "turns_owner" CHECK (num_nonnulls("turns"."step_id", "turns"."photo_id") = 1),
	CONSTRAINT "turns_grant" CHECK (("turns"."backend" is null) = ("turns"."granted_at" is null)),
	CONSTRAINT "turns_notice" CHECK ("turns"."notified_at" is null or "turns"."backend" is not null)
);
--> statement-breakpoint
ALTER TABLE "backends" ADD COLUMN "ready" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "backends" ADD COLUMN "wait_reason" text;--> statement-breakpoint
ALTER TABLE "turns" ADD CONSTRAINT "turns_step_id_steps_id_fk" FOREIGN KEY ("step_id") REFERENCES "public"."steps"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "turns" ADD CONSTRAINT "turns_photo_id_photos_id_fk" FOREIGN KEY ("photo_id") REFERENCES "public"."photos"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "turns_step" ON "turns" USING btree ("step_id");--> statement-breakpoint
CREATE UNIQUE INDEX "turns_photo" ON "turns" USING btree ("photo_id");--> statement-breakpoint
CREATE UNIQUE INDEX "turns_holder" ON "turns" USING btree ("backend") WHERE "turns"."backend" is not null;--> statement-breakpoint
CREATE INDEX "turns_waiting" ON "turns" USING btree ("number") WHERE "turns"."backend" is null;--> statement-breakpoint
ALTER TABLE "steps" DROP COLUMN "turn_place";