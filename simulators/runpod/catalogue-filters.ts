import type { CloudName, DataCenter } from "./catalogue.ts";
import { Problem } from "./problems.ts";

/** What a request for the GPU types asks for; `runsOn`: whether a host with this CUDA would do. */
export type GpuQuery = {
  cloud: CloudName;
  count: number;
  /** null: everywhere. */
  countries: readonly string[] | null;
  runsOn: (cudaVersion: string) => boolean;
};

const stockFilters = [
  "product",
  "count",
  "cloud",
  "minCudaVersion",
  "cudaVersions",
  "countryCodes",
] as const;
const products = ["POD", "CLUSTER", "SERVERLESS"];
const regions = [
  "NORTH_AMERICA",
  "SOUTH_AMERICA",
  "EUROPE",
  "ASIA",
  "MIDDLE_EAST",
  "AFRICA",
  "OCEANIA",
  "ANTARCTICA",
  "UNKNOWN",
];

/**
 * The filters of the GPU types; undefined when no stock is asked for.
 * @throws Problem 400 for filters that do not go together, 422 for a malformed one
 */
export function parseGpuQuery(query: URLSearchParams): GpuQuery | undefined {
  if (!(listOf(query, "include")?.includes("AVAILABILITY") ?? false)) {
    const idle = stockFilters.find((name) => query.has(name));
    if (idle === undefined) return undefined;
    throw new Problem(400, `${idle} is valid only with include=AVAILABILITY`);
  }
  if (!query.has("product")) {
    throw new Problem(400, "product is required with include=AVAILABILITY");
  }
  if (query.has("minCudaVersion") && query.has("cudaVersions")) {
    throw new Problem(400, "minCudaVersion and cudaVersions exclude each other");
  }
  matching(query, "product", (each) => products.includes(each));
  const [cloud] = matching(query, "cloud", (each) => each === "SECURE" || each === "COMMUNITY");
  const [count = "1"] = matching(query, "count", (each) => /^[1-9]\d*$/.test(each));
  const [floor = "0"] = matching(query, "minCudaVersion", (each) => /^\d+(?:\.\d+)?$/.test(each));
  const exact = matching(query, "cudaVersions", (each) => /^\d+\.\d+$/.test(each));
  const countries = matching(query, "countryCodes", (each) => /^[A-Z]{2}$/.test(each));
  return {
    cloud: cloud === "COMMUNITY" ? "COMMUNITY" : "SECURE",
    count: Number(count),
    countries: countries.length === 0 ? null : countries,
    runsOn: (version) =>
      isAtLeast(version, floor) && (exact.length === 0 || exact.includes(version)),
  };
}

/** Whether a data centre passes the filters of their list. @throws Problem 422 for a malformed one */
export function parsePlaceQuery(query: URLSearchParams): (place: DataCenter) => boolean {
  const wanted = matching(query, "regions", (each) => regions.includes(each));
  const kinds = ["STANDARD", "HIGH_PERFORMANCE"];
  const volumes = matching(query, "networkVolumeTypes", (each) => kinds.includes(each));
  const certificates = matching(query, "compliance", (each) => /^[A-Z0-9_]+$/.test(each));
  const [globalNetwork] = matching(query, "globalNetwork", (each) => /^(?:true|false)$/.test(each));
  return ({ region, hasVolumes }) =>
    (wanted.length === 0 || wanted.includes(region)) &&
    volumes.every((kind) => hasVolumes && kind === "STANDARD") &&
    // No simulated data centre has either.
    certificates.length === 0 &&
    globalNetwork !== "true";
}

const listOf = (query: URLSearchParams, name: string) => query.get(name)?.split(",");

function matching(
  query: URLSearchParams,
  name: string,
  isValid: (value: string) => boolean,
): string[] {
  const values = listOf(query, name) ?? [];
  const wrong = values.find((value) => !isValid(value));
  if (wrong === undefined) return values;
  throw new Problem(422, `invalid request: ${name}`, [`${name}: "${wrong}" is not possible`]);
}

/** By number: 12.10 is above 12.8. */
function isAtLeast(version: string, floor: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [leastMajor = 0, leastMinor = 0] = floor.split(".").map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}
