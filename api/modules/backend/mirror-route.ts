import { t } from "elysia";
import { getSettings } from "#db/queries/installation/settings";
import { listMirroredBoards } from "#db/queries/mirror/boards";
import { countSeenImages, listRefusedImages } from "#db/queries/mirror/images";
import { findMirrorState } from "#db/queries/mirror/states";
import { localPlace } from "#db/schema/backends";
import type { ApiDeps } from "../../deps";
import { createModule } from "../../http/module";

const shownRefusals = 20;
const moment = t.String({ format: "date-time" });
const amount = (description: string) => t.Integer({ minimum: 0, description });

const mirrorSchema = t.Object(
  {
    is_on: t.Boolean(),
    taken: amount("Pictures that became photos here"),
    known: amount("Pictures whose bytes were photos here already"),
    own: amount("Pictures that this gallery, or another one, had generated"),
    left_out: amount("Pictures that cannot be taken"),
    waiting: amount("Pictures that were not examined yet"),
    compared_at: t.Optional(
      t.String({ format: "date-time", description: "When all pictures were last compared" }),
    ),
    fault: t.Optional(t.String({ description: "Why the last check failed" })),
    missing_boards: t.Optional(
      t.Array(t.String(), {
        description: "Boards of the setting that InvokeAI did not have when last compared",
      }),
    ),
    refused: t.Array(t.Object({ image_name: t.String(), reason: t.String(), seen_at: moment }), {
      description: `The newest ${shownRefusals} that cannot be taken`,
    }),
  },
  { title: "Mirror" },
);

/** How far the pictures of InvokeAI's own page have come into the gallery. */
export function createMirrorRoute(deps: ApiDeps) {
  const { db } = deps.database;
  return createModule({ prefix: "/api/v1/backend", tags: ["backend"] }).get(
    "/mirror",
    async () => {
      const [settings, seen, state, boards, refused] = await Promise.all([
        getSettings(db, deps.config),
        countSeenImages(db),
        findMirrorState(db, localPlace),
        listMirroredBoards(db, localPlace),
        listRefusedImages(db, shownRefusals),
      ]);
      const mirrored = settings["backend.mirror"];
      const isOn = mirrored !== "off";
      // A board that was renamed there is chosen by the name that it had.
      const names = new Set(boards.flatMap(({ name, chosenAs }) => [name, chosenAs]));
      const chosen = typeof mirrored === "string" ? [] : mirrored.boards;
      const missing = state?.comparedAt ? chosen.filter((name) => !names.has(name)) : [];
      return {
        is_on: isOn,
        taken: seen.taken ?? 0,
        known: seen.known ?? 0,
        own: seen.own ?? 0,
        left_out: seen.refused ?? 0,
        waiting: isOn ? (state?.waiting ?? 0) : 0,
        ...(state?.comparedAt && { compared_at: state.comparedAt.toISOString() }),
        ...(isOn && state?.fault && { fault: state.fault }),
        ...(missing.length > 0 && { missing_boards: missing }),
        refused: refused.map(({ imageName, reason, seenAt }) => ({
          image_name: imageName,
          reason: reason ?? "unknown",
          seen_at: seenAt.toISOString(),
        })),
      };
    },
    {
      response: { 200: mirrorSchema },
      detail: { summary: "Pictures of InvokeAI's own page that came in by the setting `mirror`" },
    },
  );
}
