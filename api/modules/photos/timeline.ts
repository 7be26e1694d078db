import { Elysia, t } from "elysia";
import { listTimeline } from "#db/queries/timeline";
import type { ApiDeps } from "../../deps";
import { answerJson } from "../../lists";

const timelineSchema = t.Object({
  items: t.Array(
    t.Object({
      month: t.String({ pattern: "^\\d{4}-\\d{2}$", examples: ["2026-11"] }),
      count: t.Integer({ minimum: 1 }),
    }),
  ),
});

/** How the library is spread over time. */
export function createTimelineModule(deps: ApiDeps) {
  return new Elysia({ prefix: "/api/v1/photos", normalize: false, tags: ["photos"] }).get(
    "/timeline",
    async ({ request }) => {
      const items = await listTimeline(deps.database.db, deps.config.timeZone);
      return answerJson(request, { items });
    },
    {
      response: { 200: timelineSchema },
      detail: {
        summary: "Months with how many photos they have, newest first",
        description:
          "By taken_at, else by created_at in TIME_ZONE. Those in the trash do not count.",
      },
    },
  );
}
