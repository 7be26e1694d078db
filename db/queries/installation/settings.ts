import { sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { settings } from "../../schema/settings";
import {
  defaultSettings,
  parseSettings,
  type SettingDefaults,
  type SettingValues,
} from "../../settings";

/** The settings that the owner changed. */
export async function findChangedSettings(db: Db | Tx): Promise<Partial<SettingValues>> {
  return parseSettings(await db.select().from(settings));
}

/** The current value of every setting: changed or default. */
export async function getSettings(db: Db | Tx, config: SettingDefaults): Promise<SettingValues> {
  return { ...defaultSettings(config), ...(await findChangedSettings(db)) };
}

/** Stores all of these values or none; the caller has checked their bounds. */
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
    // In a fixed order, so that two concurrent changes cannot deadlock.
    .values(rows.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
    .onConflictDoUpdate({
      target: settings.name,
      set: { value: sql`excluded.value`, updatedAt: sql`excluded.updated_at` },
    });
}
