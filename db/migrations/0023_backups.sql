CREATE TABLE "backups" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"folder" text NOT NULL,
	"trigger" text NOT NULL,
	"status" text DEFAULT 'running' NOT NULL,
	"originals" integer DEFAULT 0 NOT NULL,
	"bytes" bigint DEFAULT 0 NOT NULL,
	"new_originals" integer DEFAULT 0 NOT NULL,
	"new_bytes" bigint DEFAULT 0 NOT NULL,
	"missing" integer DEFAULT 0 NOT NULL,
	"error" text,
	"started_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"removed_at" timestamp (3) with time zone,
	CONSTRAINT "backups_status" CHECK ("backups"."status" in ('running', 'completed', 'failed')),
	CONSTRAINT "backups_trigger" CHECK ("backups"."trigger" in ('schedule', 'manual')),
	CONSTRAINT "backups_end" CHECK (("backups"."status" = 'running') = ("backups"."ended_at" is null))
);
--> statement-breakpoint
CREATE TABLE "original_checks" (
	"photo_id" uuid PRIMARY KEY NOT NULL,
	"checked_at" timestamp (3) with time zone NOT NULL,
	"fault" text,
	"is_in_backup" boolean,
	"fault_found_at" timestamp (3) with time zone,
	CONSTRAINT "original_checks_fault" CHECK ("original_checks"."fault" in ('missing', 'damaged')),
	CONSTRAINT "original_checks_found" CHECK (("original_checks"."fault" is null) = ("original_checks"."fault_found_at" is null))
);
--> statement-breakpoint
ALTER TABLE "installation" ADD COLUMN "restoring_backup_id" uuid;--> statement-breakpoint
ALTER TABLE "original_checks" ADD CONSTRAINT "original_checks_photo_id_photos_id_fk" FOREIGN KEY ("photo_id") REFERENCES "public"."photos"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "backups_one_running" ON "backups" USING btree ("status") WHERE "backups"."status" = 'running';--> statement-breakpoint
CREATE INDEX "backups_newest" ON "backups" USING btree ("started_at","id");--> statement-breakpoint
CREATE INDEX "original_checks_oldest" ON "original_checks" USING btree ("checked_at");--> statement-breakpoint
CREATE INDEX "original_checks_faults" ON "original_checks" USING btree ("fault_found_at","photo_id") WHERE "original_checks"."fault" is not null;