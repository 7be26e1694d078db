import { getSettings } from "#db/queries/installation/settings";
import { findOffers } from "#db/queries/pods/offers";
import { readPodSpending } from "#db/queries/pods/spending";
import { gpuTypes } from "#gpu-types";
import type { ApiDeps } from "../../deps";
import { faults } from "../../http/error-body";
import { createModule } from "../../http/module";
import { applySettings } from "../backend/changes";
import { checkSettings } from "./check";
import { settingsChange, settingsSchema, settingsToWire, toSettingValues } from "./model";

/** Settings that the owner can change at run time. Each reader reads them again at its next decision. */
export function createSettingsModule(deps: ApiDeps) {
  const { db } = deps.database;

  async function show() {
    const { config } = deps;
    const [values, spending] = await Promise.all([
      getSettings(db, config),
      readPodSpending(db, { now: deps.now(), timeZone: config.timeZone }),
    ]);
    return settingsToWire(values, spending);
  }

  /** What RunPod offers, if that is known. */
  async function listGpuTypes(): Promise<readonly string[]> {
    const { offers } = await findOffers(db);
    return offers.length > 0 ? offers.map(({ gpuType }) => gpuType) : gpuTypes;
  }

  return createModule({
    name: "settings",
    prefix: "/api/v1/settings",
    tags: ["settings"],
  })
    .get("", show, {
      response: { 200: settingsSchema },
      detail: { summary: "All settings in force" },
    })
    .patch(
      "",
      async ({ body }) => {
        const change = checkSettings(toSettingValues(body), {
          ...deps.config.limits,
          gpuTypes: await listGpuTypes(),
        });
        await applySettings(deps, change);
        return show();
      },
      {
        body: settingsChange,
        response: { 200: settingsSchema, ...faults(409) },
        detail: { summary: "Change any subset of the settings, all or nothing" },
      },
    );
}
