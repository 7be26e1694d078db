import type { Faults } from "./faults.ts";

export type CloudName = "SECURE" | "COMMUNITY";

type Stock = "NONE" | "LOW" | "MEDIUM" | "HIGH";

/** Prices in USD per hour; null where the type is not sold. */
export type GpuType = {
  id: string;
  name: string;
  memoryGb: number;
  secure: number | null;
  community: number | null;
  stock: Stock;
  dataCenters: string[];
};

export type DataCenter = {
  id: string;
  name: string;
  region: "NORTH_AMERICA" | "EUROPE";
  /** ISO 3166-1 alpha-2. */
  country: string;
  hasVolumes: boolean;
};

export const dataCenters: readonly DataCenter[] = [
  { id: "US-TX-3", name: "Texas 3", region: "NORTH_AMERICA", country: "US", hasVolumes: true },
  { id: "US-KS-2", name: "Kansas 2", region: "NORTH_AMERICA", country: "US", hasVolumes: true },
  { id: "CA-MTL-1", name: "Montreal 1", region: "NORTH_AMERICA", country: "CA", hasVolumes: false },
  { id: "EU-RO-1", name: "Romania 1", region: "EUROPE", country: "RO", hasVolumes: true },
  { id: "EU-SE-1", name: "Sweden 1", region: "EUROPE", country: "SE", hasVolumes: true },
];

const all = dataCenters.map(({ id }) => id);

/** The types that can be rented; prices are invented, but in the order of the real ones. */
export const gpuTypes: readonly GpuType[] = [
  sold("NVIDIA RTX A4000", 16, 0.25, 0.17, "LOW", ["US-TX-3", "EU-RO-1"]),
  sold("NVIDIA RTX 2000 Ada Generation", 16, 0.24, null, "MEDIUM", ["EU-RO-1", "US-KS-2"]),
  sold("NVIDIA RTX A4500", 20, 0.26, 0.19, "MEDIUM", ["US-TX-3", "EU-SE-1", "EU-RO-1"]),
  sold("NVIDIA RTX 4000 Ada Generation", 20, 0.28, null, "HIGH", all),
  sold("NVIDIA RTX A5000", 24, 0.29, 0.18, "HIGH", all),
  sold("NVIDIA L4", 24, 0.42, null, "MEDIUM", ["US-KS-2", "EU-RO-1"]),
  sold("NVIDIA GeForce RTX 3090", 24, 0.46, 0.22, "MEDIUM", ["US-TX-3", "CA-MTL-1", "EU-SE-1"]),
  sold("NVIDIA GeForce RTX 4090", 24, 0.69, 0.34, "HIGH", all),
  sold("NVIDIA GeForce RTX 5090", 32, 0.94, 0.69, "LOW", ["US-TX-3", "EU-RO-1"]),
  sold("NVIDIA RTX A6000", 48, 0.49, 0.33, "HIGH", all),
  sold("NVIDIA A40", 48, 0.4, 0.35, "MEDIUM", ["CA-MTL-1", "EU-SE-1"]),
  sold("NVIDIA L40S", 48, 0.86, 0.79, "LOW", ["US-KS-2", "EU-RO-1"]),
  sold("NVIDIA A100 80GB PCIe", 80, 1.64, 1.19, "MEDIUM", ["US-KS-2", "EU-RO-1"]),
  sold("NVIDIA H100 80GB HBM3", 80, 2.99, 2.69, "LOW", ["US-TX-3", "EU-SE-1"]),
];

function sold(
  id: string,
  memoryGb: number,
  secure: number,
  community: number | null,
  stock: Stock,
  where: readonly string[],
): GpuType {
  const name = id.replace(/^NVIDIA (?:GeForce )?/, "");
  return { id, name, memoryGb, secure, community, stock, dataCenters: [...where] };
}

/** USD per hour of one GPU; undefined where the type is not sold. */
export function priceOf(gpu: GpuType, cloud: CloudName): number | undefined {
  return (cloud === "SECURE" ? gpu.secure : gpu.community) ?? undefined;
}

/** The data centres where a type can be rented now, best stock first. */
export function openDataCenters(
  faults: Faults,
  gpu: GpuType,
  cloud: CloudName,
  view: "rented" | "shown",
): string[] {
  if (priceOf(gpu, cloud) === undefined) return [];
  return gpu.dataCenters.filter(
    (dataCenter) =>
      faults.find(
        "no_capacity",
        (fault) =>
          (fault.gpu ?? gpu.id) === gpu.id &&
          (fault.dataCenter ?? dataCenter) === dataCenter &&
          (fault.cloud ?? cloud) === cloud &&
          (view === "rented" || fault.shown === undefined),
      ) === undefined,
  );
}
