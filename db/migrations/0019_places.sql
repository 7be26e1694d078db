CREATE TABLE "model_places" (
	"place" text NOT NULL,
	"key" text NOT NULL,
	CONSTRAINT "model_places_place_key_pk" PRIMARY KEY("place","key")
);
--> statement-breakpoint
ALTER TABLE "backends" ADD COLUMN "in_force" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "backends" ADD COLUMN "model_list" text GENERATED ALWAYS AS (case when "ref" like 'pod:%' then 'remote' else "ref" end) STORED NOT NULL;--> statement-breakpoint
ALTER TABLE "model_places" ADD CONSTRAINT "model_places_place_backends_ref_fk" FOREIGN KEY ("place") REFERENCES "public"."backends"("ref") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "model_places" ADD CONSTRAINT "model_places_key_models_key_fk" FOREIGN KEY ("key") REFERENCES "public"."models"("key") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "model_places_key" ON "model_places" USING btree ("key");--> statement-breakpoint
CREATE UNIQUE INDEX "backends_in_force" ON "backends" USING btree ("in_force") WHERE "backends"."in_force";--> statement-breakpoint
INSERT INTO "backends" ("ref") VALUES ('local'), ('remote') ON CONFLICT DO NOTHING;--> statement-breakpoint
UPDATE "backends" SET "in_force" = true WHERE "ref" = 'local';--> statement-breakpoint
INSERT INTO "model_places" ("place", "key") SELECT 'local', "key" FROM "models" WHERE "is_available";--> statement-breakpoint
ALTER TABLE "models" DROP COLUMN "is_available";