import type { Static } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { Http } from "../../http";
import { minCudaVersion, type Offer, type Stock } from "../provider";
import { GpuType, GpuTypes, parseAnswer, toMicros } from "./wire";

const query = {
  include: "AVAILABILITY",
  product: "POD",
  cloud: "SECURE",
  count: 1,
  minCudaVersion,
};

/** Calls about what can be rented. */
export function createCatalogCalls(http: Http) {
  return {
    /** Prices are list prices, and stock is no reservation; entries that cannot be read are left out. */
    async listOffers(signal?: AbortSignal): Promise<Offer[]> {
      const answer = await http.readJson({ path: "/v2/catalog/gpus", query }, signal);
      return parseAnswer(GpuTypes, answer)
        .gpus.filter((entry) => Value.Check(GpuType, entry))
        .filter(({ id }) => id !== "unknown")
        .map(toOffer);
    },
  };
}

function toOffer(gpu: Static<typeof GpuType>): Offer {
  const dollars = gpu.secure ? gpu.price.secure : undefined;
  return {
    gpuType: gpu.id,
    name: gpu.name,
    memoryGb: gpu.memory,
    hourlyMicros: typeof dollars === "number" && dollars > 0 ? toMicros(dollars) : null,
    stock: toStock(gpu.availability),
    dataCenters: (gpu.dataCenters ?? []).map(({ id, availability }) => ({
      id,
      stock: toStock(availability),
    })),
  };
}

const stocks: Record<string, Stock> = { LOW: "low", MEDIUM: "medium", HIGH: "high" };

function toStock(availability: string | null | undefined): Stock {
  return stocks[availability ?? ""] ?? "none";
}
