import { sql } from "drizzle-orm";
import type { Config } from "#config";
import type { Db, Tx } from "../client";
import { settings } from "../schema/settings";
import { defaultSettings, parseSettings, type SettingValues } from "../settings";

/** What the owner changed; the rest is as `defaultSettings` says. */
export async function findChangedSettings(db: Db | Tx): Promise<Partial<SettingValues>> {
  return parseSettings(await db.select().from(settings));
}

/** Every setting as it is in force now. */
export async function getSettings(
  db: Db | Tx,
  config: Pick<Config, "invokeai" | "limits">,
): Promise<SettingValues> {
  return { ...defaultSettings(config), ...(await findChangedSettings(db)) };
}

/** Keeps all of these values, or none; they are within their bounds. */
export async function saveSettings(
  db: Db | Tx,
  params: { change: Partial<SettingValues>; now: Date },
): Promise<void> {
  const rows = Object.entries(params.change).map(([name, value]) => ({
    name,
    // The driver would take null for a column without a value.
    value: value ?? sql`'null'::jsonb`,
    updatedAt: params.now,
  }));
  if (rows.length === 0) return;
  await db
    .insert(settings)
    // In one order, so that two changes at once wait for each other and never both.
    .values(rows.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
    .onConflictDoUpdate({
      target: settings.name,
      set: { value: sql`excluded.value`, updatedAt: sql`excluded.updated_at` },
    });
}
