import { type Static, t } from "elysia";
import { toDollars } from "#db/pod-costs";
import { findOffers } from "#db/queries/pods/offers";
import type { PodOffer } from "#db/schema/pod-offers";
import { AppError } from "#errors";
import type { ApiDeps } from "../../deps";
import { oneOf } from "../../fields/one-of";
import { faults } from "../../http/error-body";
import { createModule } from "../../http/module";
import { requireKey } from "./changes";

/** Stock changes within minutes; the catalogue counts against RunPod's limits of requests. */
const freshMs = 5 * 60_000;

const stock = oneOf(["none", "low", "medium", "high"]);

const offerSchema = t.Object(
  {
    gpu_type: t.String({ description: "For the setting backend.gpu_types" }),
    name: t.String(),
    memory_gb: t.Number(),
    hourly_rate_usd: t.Nullable(t.Number({ description: "null: not sold" })),
    stock,
    data_centers: t.Array(t.Object({ id: t.String(), stock })),
  },
  { title: "Offer" },
);

const offersSchema = t.Object({
  items: t.Array(offerSchema),
  read_at: t.String({ format: "date-time", description: "When the list was read from RunPod" }),
  warning: t.Optional(t.String({ description: "Why the list is older than five minutes" })),
});

/** What can be rented. The worker reads RunPod's catalogue into rows, because it alone has the key. */
export function createOfferRoutes(deps: ApiDeps) {
  const { db } = deps.database;

  async function readFresh() {
    const known = await findOffers(db);
    const isFresh = ({ readAt }: typeof known) =>
      readAt !== null && deps.now().getTime() - readAt.getTime() < freshMs;
    if (isFresh(known)) return { ...known, lastError: null };
    const isRead = await deps.temporal.readOffers();
    const read = await findOffers(db);
    if (isFresh(read)) return { ...read, lastError: null };
    return { ...read, lastError: isRead ? read.lastError : "The worker has not answered yet." };
  }

  return createModule({ prefix: "/api/v1/backend", tags: ["backend"] }).get(
    "/offers",
    async (): Promise<Static<typeof offersSchema>> => {
      requireKey(deps);
      const { offers, readAt, lastError } = await readFresh();
      if (readAt === null) throw unread(lastError);
      const cheapest = offers.toSorted(
        (a, b) => (a.hourlyMicros ?? Infinity) - (b.hourlyMicros ?? Infinity),
      );
      return {
        items: cheapest.map(offerToWire),
        read_at: readAt.toISOString(),
        ...(lastError !== null && { warning: lastError }),
      };
    },
    {
      response: { 200: offersSchema, ...faults(409, 502) },
      detail: {
        summary: "GPU types that can be rented, the cheapest first",
        description:
          "Cached for five minutes. An older list is read again, for at most five seconds; if that fails, it is returned with a `warning`. Prices are list prices of the GPU, and stock is no reservation.",
      },
    },
  );
}

function unread(reason: string | null): AppError {
  return new AppError({
    kind: "provider",
    code: "pod_error",
    message: `RunPod's catalogue was not read: ${reason ?? "no answer."} Try again in a few seconds.`,
  });
}

function offerToWire(offer: PodOffer): Static<typeof offerSchema> {
  return {
    gpu_type: offer.gpuType,
    name: offer.name,
    memory_gb: offer.memoryGb,
    hourly_rate_usd: offer.hourlyMicros === null ? null : toDollars(offer.hourlyMicros),
    stock: offer.stock,
    data_centers: offer.dataCenters.map(({ id, stock: here }) => ({ id, stock: here })),
  };
}
