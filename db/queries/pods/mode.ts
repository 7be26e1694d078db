import { eq, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { steps } from "../../schema/steps";
import type { SettingDefaults, SettingValues } from "../../settings";
import { lockPlaceInForce, putInForce } from "../backends/in-force";
import { getSettings, saveSettings } from "../installation/settings";
import { placeMeant } from "./place-meant";
import { findLivePodSession } from "./sessions";

const placeSettings = ["backend.mode", "backend.volume_id"] as const;

/**
 * Stores settings, and puts the place in force that they mean. Stores nothing when the mode would change
 * while something runs: `running` is the number of steps and reproductions.
 */
export async function changeBackendSettings(
  db: Db,
  params: { change: Partial<SettingValues>; defaults: SettingDefaults; now: Date },
): Promise<{ isChanged: boolean; running: number }> {
  const { change, defaults, now } = params;
  return db.transaction(async (tx) => {
    if (placeSettings.some((name) => change[name] !== undefined)) {
      // Turns are granted under this lock.
      await lockPlaceInForce(tx);
      const before = await getSettings(tx, defaults);
      if ((change["backend.mode"] ?? before["backend.mode"]) !== before["backend.mode"]) {
        const running = await countRunning(tx);
        if (running > 0) return { isChanged: false, running };
      }
      const place = placeMeant({ ...before, ...change }, await findLivePodSession(tx));
      await saveSettings(tx, { change, now });
      await putInForce(tx, place);
    } else await saveSettings(tx, { change, now });
    return { isChanged: true, running: 0 };
  });
}

async function countRunning(tx: Tx): Promise<number> {
  const [[turn], processing] = await Promise.all([
    tx.execute<{ count: number }>(
      sql`select count(*)::int as count from turns where backend is not null and photo_id is not null`,
    ),
    tx.$count(steps, eq(steps.status, "processing")),
  ]);
  return processing + (turn?.count ?? 0);
}
