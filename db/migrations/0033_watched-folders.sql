CREATE TABLE "watched_contents" (
	"import_id" uuid NOT NULL,
	"content_hash" text NOT NULL,
	CONSTRAINT "watched_contents_import_id_content_hash_pk" PRIMARY KEY("import_id","content_hash")
);
--> statement-breakpoint
CREATE TABLE "watched_files" (
	"import_id" uuid NOT NULL,
	"file_hash" text NOT NULL,
	"size" bigint NOT NULL,
	"modified_ms" double precision NOT NULL,
	"noted_at" timestamp (3) with time zone NOT NULL,
	"is_settled" boolean DEFAULT false NOT NULL,
	"outcome" text,
	"content_hash" text,
	"fault_id" bigint,
	CONSTRAINT "watched_files_import_id_file_hash_pk" PRIMARY KEY("import_id","file_hash"),
	CONSTRAINT "watched_files_outcome" CHECK ("watched_files"."outcome" in ('imported', 'duplicates', 'sidecars', 'failed'))
);
--> statement-breakpoint
ALTER TABLE "photo_imports" ADD COLUMN "watches" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "photo_imports" ADD COLUMN "looked_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "photo_imports" ADD COLUMN "changing" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "photo_imports" ADD COLUMN "away_reason" text;--> statement-breakpoint
ALTER TABLE "watched_contents" ADD CONSTRAINT "watched_contents_import_id_photo_imports_id_fk" FOREIGN KEY ("import_id") REFERENCES "public"."photo_imports"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "watched_files" ADD CONSTRAINT "watched_files_import_id_photo_imports_id_fk" FOREIGN KEY ("import_id") REFERENCES "public"."photo_imports"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "watched_files" ADD CONSTRAINT "watched_files_fault_id_photo_import_faults_id_fk" FOREIGN KEY ("fault_id") REFERENCES "public"."photo_import_faults"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "watched_files_fault" ON "watched_files" USING btree ("fault_id");--> statement-breakpoint
CREATE INDEX "watched_files_open" ON "watched_files" USING btree ("import_id") WHERE not "watched_files"."is_settled" or "watched_files"."outcome" = 'failed';--> statement-breakpoint
CREATE UNIQUE INDEX "photo_imports_watched" ON "photo_imports" USING btree (md5("path")) WHERE "photo_imports"."watches" and "photo_imports"."status" in ('pending', 'processing');