import type { Db } from "../../client";
import { type PodOffer, podOffers } from "../../schema/pod-offers";

export type KnownOffers = Pick<typeof podOffers.$inferSelect, "offers" | "readAt" | "lastError">;

/** The catalogue as last read. */
export async function findOffers(db: Db): Promise<KnownOffers> {
  const [row] = await db.select().from(podOffers);
  return row ?? { offers: [], readAt: null, lastError: null };
}

/** Replaces the catalogue; after a failed attempt, only the reason is stored. */
export async function saveOffers(
  db: Db,
  read: { offers: PodOffer[]; readAt: Date } | { lastError: string },
): Promise<void> {
  const set = "offers" in read ? { ...read, lastError: null } : read;
  await db.insert(podOffers).values(set).onConflictDoUpdate({ target: podOffers.only, set });
}
