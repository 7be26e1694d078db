import { json } from "../../invokeai/answers.ts";
import { dataCenters, type GpuType, gpuTypes, openDataCenters } from "../catalogue.ts";
import { type GpuQuery, parseGpuQuery, parsePlaceQuery } from "../catalogue-filters.ts";
import { hostCudaVersion } from "../placement.ts";
import type { Handlers } from "../router.ts";
import type { World } from "../world.ts";

const mostGpus = 8;

export function createCatalogueHandlers({
  faults,
}: World): Pick<Handlers, "listGpus" | "listDataCenters"> {
  return {
    listGpus({ url: { searchParams: query } }) {
      const wanted = parseGpuQuery(query);
      const gpus = gpuTypes
        .filter((gpu) => wanted === undefined || gpu.dataCenters.some((id) => isIn(id, wanted)))
        .map((gpu) => ({ ...describeGpu(gpu), ...(wanted && describeStock(gpu, wanted)) }));
      return json({ gpus });
    },

    listDataCenters({ url: { searchParams: query } }) {
      const wantsStock = query.get("include")?.split(",").includes("GPU_AVAILABILITY") ?? false;
      const found = dataCenters.filter(parsePlaceQuery(query)).map((place) => ({
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
            availability: openDataCenters(faults, gpu, "SECURE", "shown").includes(place.id)
              ? gpu.stock
              : "NONE",
          })),
        }),
      }));
      return json({ dataCenters: found });
    },
  };

  function describeStock(gpu: GpuType, wanted: GpuQuery) {
    const fits = wanted.count <= mostGpus && wanted.runsOn(hostCudaVersion);
    const open = fits ? openDataCenters(faults, gpu, wanted.cloud, "shown") : [];
    const named = dataCenters.filter(({ id }) => open.includes(id) && isIn(id, wanted));
    return {
      availability: named.length === 0 ? "NONE" : gpu.stock,
      // Absent when sold out.
      ...(named.length > 0 && {
        dataCenters: named.map(({ id, name }) => ({ id, name, availability: gpu.stock })),
      }),
      cudaVersions: [{ version: hostCudaVersion, available: named.length > 0 }].filter(
        ({ version }) => wanted.runsOn(version),
      ),
    };
  }
}

function isIn(dataCenter: string, { countries }: GpuQuery): boolean {
  const place = dataCenters.find(({ id }) => id === dataCenter);
  return countries === null || (place !== undefined && countries.includes(place.country));
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
    maxCount: {
      secure: gpu.secure === null ? 0 : mostGpus,
      community: gpu.community === null ? 0 : mostGpus,
    },
  };
}
