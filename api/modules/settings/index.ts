import { Elysia } from "elysia";
import { getSettings, saveSettings } from "#db/queries/settings";
import type { ApiDeps } from "../../deps";
import { faults } from "../../error-body";
import { checkSettings } from "./check";
import { settingsChange, settingsSchema, settingsToWire, toSettingValues } from "./model";

/** What the owner can set while the program runs; each reader asks anew at its next decision. */
export function createSettingsModule(deps: ApiDeps) {
  const { db } = deps.database;
  const show = async () => settingsToWire(await getSettings(db, deps.config));

  return new Elysia({
    name: "settings",
    prefix: "/api/v1/settings",
    normalize: false,
    tags: ["settings"],
  })
    .get("", show, {
      response: { 200: settingsSchema },
      detail: { summary: "All settings as they are in force" },
    })
    .patch(
      "",
      async ({ body }) => {
        const change = checkSettings(toSettingValues(body), deps.config.limits);
        await saveSettings(db, { change, now: deps.now() });
        return show();
      },
      {
        body: settingsChange,
        response: { 200: settingsSchema, ...faults(409) },
        detail: { summary: "Change any of the settings; all of the changes are kept, or none" },
      },
    );
}
