import { getPlaceInForce } from "#db/queries/backends/in-force";
import { findChangedSettings } from "#db/queries/installation/settings";
import { listAvailableModels } from "#db/queries/models/available-models";
import type { Database } from "#db/client";
import { countOf } from "#library/commands/output";
import type { Check } from "./finding";
import { readableAge } from "./readable-age";

/** The worker checks it at least this often. */
const staleMs = 10 * 60_000;

/** InvokeAI as the worker last saw it: connected, version, models, queue. */
export function checkInvokeai(database: Database | undefined): Check {
  return {
    part: "invokeai",
    async run({ ok, warning, fault }) {
      if (!database) return;
      const { db } = database;
      const [place, settings] = await Promise.all([getPlaceInForce(db), findChangedSettings(db)]);
      const isRemote = settings["backend.mode"] === "remote";
      if (!place.connected) {
        if (isRemote) return ok("runs on a rented pod, which is started when something waits");
        return fault(
          `is not connected: ${place.lastError ?? "it was never checked"}`,
          "Start it, or correct the setting backend.local_url. Requests are accepted and wait.",
        );
      }
      const age = place.checkedAt === null ? Infinity : Date.now() - place.checkedAt.getTime();
      if (age > staleMs) {
        warning(`was last checked ${readableAge(age)} ago`, "See workers: the worker checks it.");
      }
      if (place.lastError !== null) warning(place.lastError, "See docs/operations.md.");
      if (place.queuePaused) warning("its queue is paused", "Resume the queue in InvokeAI.");
      const models = await listAvailableModels(db, ["main"]);
      const usable = models.filter(({ accepts }) => accepts !== null);
      const text = `${place.apiVersion ?? "of unknown version"}, ${countOf(usable.length, "usable model")}`;
      if (usable.length > 0) ok(text);
      else {
        fault(text, "Install one: GET /api/v1/models/starters lists some; or in InvokeAI itself.");
      }
    },
  };
}
