CREATE TABLE "library_workflows" (
	"place" text NOT NULL,
	"workflow_id" text NOT NULL,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"category" text NOT NULL,
	"tags" text NOT NULL,
	"version" text NOT NULL,
	"workflow" jsonb NOT NULL,
	CONSTRAINT "library_workflows_place_workflow_id_pk" PRIMARY KEY("place","workflow_id")
);
--> statement-breakpoint
CREATE TABLE "node_catalogues" (
	"place" text PRIMARY KEY NOT NULL,
	"version" text NOT NULL,
	"nodes" jsonb NOT NULL,
	"read_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "recipes" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"description" text,
	"origin" text NOT NULL,
	"origin_id" text,
	"template" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp (3) with time zone,
	CONSTRAINT "recipes_origin" CHECK ("recipes"."origin" in ('library', 'workflow', 'photo', 'import')),
	CONSTRAINT "recipes_name" CHECK (char_length("recipes"."name") between 1 and 200)
);
--> statement-breakpoint
ALTER TABLE "steps" ADD COLUMN "recipe_id" uuid;--> statement-breakpoint
ALTER TABLE "library_workflows" ADD CONSTRAINT "library_workflows_place_backends_ref_fk" FOREIGN KEY ("place") REFERENCES "public"."backends"("ref") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "node_catalogues" ADD CONSTRAINT "node_catalogues_place_backends_ref_fk" FOREIGN KEY ("place") REFERENCES "public"."backends"("ref") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "library_workflows_list" ON "library_workflows" USING btree ("place","name","workflow_id");--> statement-breakpoint
CREATE INDEX "recipes_newest" ON "recipes" USING btree ("created_at","id") WHERE "recipes"."deleted_at" is null;--> statement-breakpoint
ALTER TABLE "steps" ADD CONSTRAINT "steps_recipe_id_recipes_id_fk" FOREIGN KEY ("recipe_id") REFERENCES "public"."recipes"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "steps_recipe" ON "steps" USING btree ("recipe_id");