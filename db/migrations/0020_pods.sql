CREATE TABLE "pod_sessions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"place" text NOT NULL,
	"volume_id" text,
	"status" text DEFAULT 'creating' NOT NULL,
	"status_since" timestamp (3) with time zone NOT NULL,
	"requested_at" timestamp (3) with time zone NOT NULL,
	"is_explicit" boolean DEFAULT false NOT NULL,
	"attempt" integer DEFAULT 0 NOT NULL,
	"pod_name" text,
	"create_sent_at" timestamp (3) with time zone,
	"gpu_type" text,
	"data_center" text,
	"disk_gb" integer NOT NULL,
	"refusals" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"pod_id" text,
	"made_at" timestamp (3) with time zone,
	"seen_at" timestamp (3) with time zone,
	"answered_at" timestamp (3) with time zone,
	"ready_at" timestamp (3) with time zone,
	"idle_since" timestamp (3) with time zone,
	"stop_requested_at" timestamp (3) with time zone,
	"start_again" boolean DEFAULT false NOT NULL,
	"replaces" uuid,
	"delete_accepted_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	"end_reason" text,
	"phase_message" text,
	"last_error" text,
	"last_log_line" text,
	"hourly_micros" bigint,
	"rate_is_estimate" boolean DEFAULT true NOT NULL,
	"cost_micros" bigint,
	"cost_source" text DEFAULT 'estimate' NOT NULL,
	"bill_checked_at" timestamp (3) with time zone,
	"warned" text[] DEFAULT '{}' NOT NULL,
	CONSTRAINT "pod_sessions_status" CHECK ("pod_sessions"."status" in ('creating', 'booting', 'provisioning', 'ready', 'draining', 'terminating', 'ended', 'failed')),
	CONSTRAINT "pod_sessions_end_reason" CHECK ("pod_sessions"."end_reason" in ('idle', 'stopped', 'mode_local', 'unwanted', 'max_hours', 'session_budget', 'month_budget', 'boot_timeout', 'unresponsive', 'unknown_administrator', 'lost', 'exited', 'broken', 'refused', 'key', 'balance', 'order')),
	CONSTRAINT "pod_sessions_end" CHECK (("pod_sessions"."status" in ('ended', 'failed')) = ("pod_sessions"."ended_at" is not null)),
	CONSTRAINT "pod_sessions_pod" CHECK ("pod_sessions"."pod_id" is null or ("pod_sessions"."pod_name" is not null and "pod_sessions"."made_at" is not null and "pod_sessions"."hourly_micros" is not null)),
	CONSTRAINT "pod_sessions_cost_source" CHECK ("pod_sessions"."cost_source" in ('estimate', 'billed'))
);
--> statement-breakpoint
CREATE TABLE "pod_work" (
	"session_id" uuid NOT NULL,
	"turn" bigint NOT NULL,
	"step_id" uuid,
	"photo_id" uuid,
	"from_time" timestamp (3) with time zone NOT NULL,
	"to_time" timestamp (3) with time zone NOT NULL,
	"micros" bigint NOT NULL,
	CONSTRAINT "pod_work_session_id_turn_from_time_pk" PRIMARY KEY("session_id","turn","from_time"),
	CONSTRAINT "pod_work_owner" CHECK (num_nonnulls("pod_work"."step_id", "pod_work"."photo_id") = 1),
	CONSTRAINT "pod_work_time" CHECK ("pod_work"."to_time" >= "pod_work"."from_time" and "pod_work"."micros" >= 0)
);
--> statement-breakpoint
ALTER TABLE "pod_work" ADD CONSTRAINT "pod_work_session_id_pod_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."pod_sessions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "pod_sessions_one_live" ON "pod_sessions" USING btree ((true)) WHERE not ("pod_sessions"."status" in ('ended', 'failed'));--> statement-breakpoint
CREATE INDEX "pod_sessions_newest" ON "pod_sessions" USING btree ("requested_at","id");--> statement-breakpoint
CREATE INDEX "pod_sessions_unbilled" ON "pod_sessions" USING btree ("ended_at") WHERE "pod_sessions"."cost_source" = 'estimate' and "pod_sessions"."ended_at" is not null;--> statement-breakpoint
CREATE INDEX "pod_work_step" ON "pod_work" USING btree ("step_id") WHERE "pod_work"."step_id" is not null;