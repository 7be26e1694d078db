import type { Offer, PodProvider } from "#activities/adapters/pods/provider";
import { formatTable, showDollars, type Terminal } from "./terminal";

/** SD 1.5 and SDXL need this much. */
export const leastMemoryGb = 16;

/** What can be rented, the cheapest first. */
export function sortOffers(offers: readonly Offer[]): (Offer & { hourlyMicros: number })[] {
  return offers
    .flatMap((offer) =>
      offer.hourlyMicros === null ? [] : [{ ...offer, hourlyMicros: offer.hourlyMicros }],
    )
    .toSorted((a, b) => a.hourlyMicros - b.hourlyMicros);
}

/** Shows the GPU types that fit, with price and stock; `all`: also those that are sold out or too small. */
export async function showOffers(
  provider: PodProvider,
  { all }: { all: boolean },
  { say }: Terminal,
): Promise<number> {
  const offers = sortOffers(await provider.listOffers());
  const shown = offers.filter(
    ({ memoryGb, stock }) => all || (memoryGb >= leastMemoryGb && stock !== "none"),
  );
  say(formatOffers(shown));
  const left = offers.length - shown.length;
  if (left > 0) say(`\n${left} more are sold out or have less than ${leastMemoryGb} GB: --all`);
  say("\nPrices are for the GPU; stock is no reservation. FLUX wants 24 GB.");
  return 0;
}

export function formatOffers(offers: readonly Offer[]): string {
  const rows = offers.map(({ gpuType, memoryGb, hourlyMicros, stock, dataCenters }) => [
    gpuType,
    `${memoryGb} GB`,
    showDollars(hourlyMicros ?? 0),
    stock === "none" ? "sold out" : stock,
    dataCenters.map(({ id }) => id).join(" "),
  ]);
  return formatTable([["GPU type", "memory", "$/hour", "stock", "data centres"], ...rows]);
}
