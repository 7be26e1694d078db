CREATE UNLOGGED TABLE "retrieval_claims" (
	"photo_id" uuid PRIMARY KEY NOT NULL,
	"holder" uuid NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "retrieval_claims" ADD CONSTRAINT "retrieval_claims_photo" FOREIGN KEY ("photo_id") REFERENCES "public"."photos"("id") ON DELETE cascade ON UPDATE no action;