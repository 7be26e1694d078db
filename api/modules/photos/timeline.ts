import { t } from "elysia";
import { listTimeline } from "#db/queries/photos/timeline";
import type { ApiDeps } from "../../deps";
import { answerJson } from "../../lists/lists";
import { createModule } from "../../http/module";

const timelineSchema = t.Object({
  items: t.Array(
    t.Object({
      month: t.String({ pattern: "^\\d{4}-\\d{2}$", examples: ["2026-11"] }),
      count: t.Integer({ minimum: 1 }),
    }),
  ),
});

/** The number of photos in each month. */
export function createTimelineModule(deps: ApiDeps) {
  return createModule({ prefix: "/api/v1/photos", tags: ["photos"] }).get(
    "/timeline",
    async ({ request }) => {
      const items = await listTimeline(deps.database.db, deps.config.timeZone);
      return answerJson<typeof timelineSchema.static>(request, { items });
    },
    {
      response: { 200: timelineSchema },
      detail: {
        summary: "The number of photos in each month, newest month first",
        description:
          "A photo counts in the month of its taken_at, else of its created_at in TIME_ZONE. Photos in the trash do not count.",
      },
    },
  );
}
