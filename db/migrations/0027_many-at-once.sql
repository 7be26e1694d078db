CREATE TABLE "grids" (
	"id" uuid PRIMARY KEY NOT NULL,
	"axes" jsonb NOT NULL,
	"columns" smallint NOT NULL,
	"step_ids" uuid[] NOT NULL,
	CONSTRAINT "grids_cells" CHECK (cardinality("grids"."step_ids") % "grids"."columns" = 0),
	CONSTRAINT "grids_columns" CHECK ("grids"."columns" > 0)
);
--> statement-breakpoint
CREATE TABLE "wordlists" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"entries" text[] NOT NULL,
	"refers_to" text[] NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "wordlists_entries" CHECK (cardinality("wordlists"."entries") between 1 and 5000)
);
--> statement-breakpoint
ALTER TABLE "slots" ADD COLUMN "prompt" text;--> statement-breakpoint
ALTER TABLE "slots" ADD COLUMN "negative_prompt" text;--> statement-breakpoint
ALTER TABLE "steps" ADD COLUMN "expand" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "grids" ADD CONSTRAINT "grids_id_sessions_id_fk" FOREIGN KEY ("id") REFERENCES "public"."sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "wordlists_name" ON "wordlists" USING btree ("name");--> statement-breakpoint
CREATE INDEX "wordlists_refers_to" ON "wordlists" USING gin ("refers_to");