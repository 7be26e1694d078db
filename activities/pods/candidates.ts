import { findGpuType } from "#gpu-types";
import type { PodRefusal } from "#db/schema/pod-sessions";
import type { Offer, Stock } from "../adapters/pods/provider";

/** What a pod can be asked for; `dataCenter` null: anywhere. */
export type Candidate = {
  gpuType: string;
  dataCenter: string | null;
  stock: Stock;
  hourlyMicros: number;
};

const stocks: readonly Stock[] = ["high", "medium", "low", "none"];

/**
 * Every combination of these GPU types and data centres that is sold, best stock first, then in the owner's order. Those
 * that the catalogue calls sold out come last: it may be behind.
 */
export function listCandidates(
  wanted: { gpuTypes: readonly string[]; dataCenters: readonly string[] },
  offers: readonly Offer[],
): Candidate[] {
  const known = offers.map(({ gpuType }) => gpuType);
  const types = new Set(
    wanted.gpuTypes.flatMap((name) => {
      const found = findGpuType(name, known);
      return "gpuType" in found ? found.gpuType : [];
    }),
  );
  const dataCenters = wanted.dataCenters.length > 0 ? wanted.dataCenters : [null];
  const candidates = [...types].flatMap((gpuType) => {
    const offer = offers.find((each) => each.gpuType === gpuType);
    if (!offer || offer.hourlyMicros === null) return [];
    const { hourlyMicros } = offer;
    return dataCenters.map((dataCenter) => ({
      gpuType: offer.gpuType,
      dataCenter,
      stock: stockOf(offer, dataCenter),
      hourlyMicros,
    }));
  });
  return candidates.toSorted((a, b) => stocks.indexOf(a.stock) - stocks.indexOf(b.stock));
}

function stockOf(offer: Offer, dataCenter: string | null): Stock {
  if (dataCenter === null) return offer.stock;
  return offer.dataCenters.find(({ id }) => id === dataCenter)?.stock ?? "none";
}

/** The first candidate that was not refused in this session; undefined when all were. */
export function nextCandidate(
  candidates: readonly Candidate[],
  refusals: readonly PodRefusal[],
): Candidate | undefined {
  return candidates.find(
    ({ gpuType, dataCenter }) =>
      !refusals.some((refusal) => refusal.gpuType === gpuType && refusal.dataCenter === dataCenter),
  );
}

/** The rate that counts for a pod for which the provider states none. */
export const dearestRate = (candidates: readonly Candidate[]): number =>
  Math.max(0, ...candidates.map(({ hourlyMicros }) => hourlyMicros));
