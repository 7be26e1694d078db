import { json } from "../../invokeai/answers.ts";
import {
  type CloudName,
  dataCenters,
  type GpuType,
  gpuTypes,
  openDataCenters,
  type Stock,
} from "../catalogue.ts";
import { hostCudaVersion } from "../placement.ts";
import { Problem } from "../problems.ts";
import type { Handlers } from "../router.ts";
import type { World } from "../world.ts";

const availabilityFilters = [
  "product",
  "count",
  "cloud",
  "minCudaVersion",
  "cudaVersions",
  "countryCodes",
];

export function createCatalogueHandlers({
  faults,
}: World): Pick<Handlers, "listGpus" | "listDataCenters"> {
  const places = (gpu: GpuType, cloud: CloudName) => openDataCenters(faults, gpu, cloud, "shown");
  const stockOf = (gpu: GpuType, cloud: CloudName): Stock =>
    places(gpu, cloud).length === 0 ? "NONE" : gpu.stock;

  return {
    listGpus({ url: { searchParams: query } }) {
      const wantsStock = query.get("include")?.split(",").includes("AVAILABILITY") ?? false;
      const isIdle = availabilityFilters.find((name) => query.has(name));
      if (!wantsStock && isIdle !== undefined) {
        throw new Problem(400, `${isIdle} is valid only with include=AVAILABILITY`);
      }
      if (wantsStock && !query.has("product")) {
        throw new Problem(400, "product is required with include=AVAILABILITY");
      }
      if (query.has("minCudaVersion") && query.has("cudaVersions")) {
        throw new Problem(400, "minCudaVersion and cudaVersions exclude each other");
      }
      const cloud = query.get("cloud") === "COMMUNITY" ? "COMMUNITY" : "SECURE";
      const gpus = gpuTypes.map((gpu) => ({
        ...describeGpu(gpu),
        ...(wantsStock && describeStock(gpu, cloud)),
      }));
      return json({ gpus });
    },

    listDataCenters({ url: { searchParams: query } }) {
      const wantsStock = query.get("include")?.split(",").includes("GPU_AVAILABILITY") ?? false;
      const regions = query.get("regions")?.split(",");
      const found = dataCenters
        .filter(({ region }) => regions?.includes(region) ?? true)
        .map((place) => ({
          id: place.id,
          name: place.name,
          region: place.region,
          networkVolumeTypes: place.hasVolumes ? ["STANDARD"] : [],
          compliance: [],
          globalNetwork: false,
          ...(wantsStock && {
            gpuAvailability: gpuTypes.map((gpu) => ({
              id: gpu.id,
              name: gpu.name,
              availability: places(gpu, "SECURE").includes(place.id) ? gpu.stock : "NONE",
            })),
          }),
        }));
      return json({ dataCenters: found });
    },
  };

  function describeStock(gpu: GpuType, cloud: CloudName) {
    const open = places(gpu, cloud);
    const named = dataCenters.filter(({ id }) => open.includes(id));
    return {
      availability: stockOf(gpu, cloud),
      // Absent when sold out.
      ...(named.length > 0 && {
        dataCenters: named.map(({ id, name }) => ({ id, name, availability: gpu.stock })),
      }),
      cudaVersions: [{ version: hostCudaVersion, available: named.length > 0 }],
    };
  }
}

function describeGpu(gpu: GpuType) {
  return {
    id: gpu.id,
    name: gpu.name,
    pool: null,
    manufacturer: "NVIDIA",
    memory: gpu.memoryGb,
    secure: gpu.secure !== null,
    community: gpu.community !== null,
    price: { secure: gpu.secure ?? 0, community: gpu.community ?? 0 },
    maxCount: { secure: gpu.secure === null ? 0 : 8, community: gpu.community === null ? 0 : 8 },
  };
}
