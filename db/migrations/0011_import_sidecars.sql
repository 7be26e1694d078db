DROP INDEX "photo_import_faults_of";--> statement-breakpoint
ALTER TABLE "photo_import_faults" ADD COLUMN "id" bigint PRIMARY KEY NOT NULL GENERATED ALWAYS AS IDENTITY (sequence name "photo_import_faults_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1);--> statement-breakpoint
ALTER TABLE "photo_imports" ADD COLUMN "sidecars" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "photos" ADD COLUMN "sidecar" jsonb;--> statement-breakpoint
CREATE INDEX "photo_import_faults_of" ON "photo_import_faults" USING btree ("import_id","id");