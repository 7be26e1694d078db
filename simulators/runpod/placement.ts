import {
  type CloudName,
  dataCenters,
  type GpuType,
  gpuTypes,
  openDataCenters,
  priceOf,
} from "./catalogue.ts";
import type { CreatePodBody } from "./create-request.ts";
import type { Faults } from "./faults.ts";
import { Problem } from "./problems.ts";
import type { Volumes } from "./volumes.ts";

export type Placement = { gpu: GpuType; cloud: CloudName; dataCenter: string; rateUsd: number };

const soldOut =
  "There are no longer any instances available with the requested specifications. Please refresh and try again.";
const noMachine =
  "This machine does not have the resources to deploy your pod. Please try a different machine.";
const mostHttpPorts = 10;
const mostVariables = 50;
/** CUDA of every simulated host. */
export const hostCudaVersion = "12.8";

/** Checks the rules between fields and finds a host. @throws Problem 400, 403 or 404 */
export function placePod(
  body: CreatePodBody,
  { faults, volumes }: { faults: Faults; volumes: Volumes },
): Placement {
  checkFields(body);
  const cloud = body.cloud ?? "SECURE";
  const gpu = gpuTypes.find(({ id }) => id === body.gpu?.id);
  if (gpu === undefined) throw new Problem(400, `unknown GPU type "${body.gpu?.id}"`);
  if (body.gpu?.count === undefined) throw new Problem(400, noMachine);
  if (faults.strike("pool_closed", (fault) => (fault.gpu ?? gpu.id) === gpu.id)) {
    throw new Problem(403, "this GPU pool is not available to your account");
  }
  const rate = priceOf(gpu, cloud);
  const wanted = wantedDataCenters(body, cloud, volumes);
  const [dataCenter] = openDataCenters(faults, gpu, cloud, "rented").filter((id) => wanted(id));
  const { minCudaVersion = "0.0" } = body.gpu;
  const isTooOld = Number(minCudaVersion) > Number(hostCudaVersion);
  if (dataCenter === undefined) {
    faults.strike("no_capacity", (fault) => (fault.gpu ?? gpu.id) === gpu.id);
  }
  if (dataCenter === undefined || rate === undefined || isTooOld || body.gpu.count > 8) {
    throw new Problem(400, soldOut);
  }
  return { gpu, cloud, dataCenter, rateUsd: rate * body.gpu.count };
}

function checkFields(body: CreatePodBody): void {
  if (body.templateId !== undefined) throw new Problem(404, "template not found");
  if (body.image === undefined)
    throw new Problem(422, "invalid request: $.image: required", ["$.image: required"]);
  if ((body.gpu === undefined) === (body.cpu === undefined)) {
    throw new Problem(400, "exactly one of gpu and cpu must be given");
  }
  if (body.cpu !== undefined) throw new Problem(400, soldOut);
  if (body.disk === undefined) {
    throw new Problem(400, "You must either provide a template id or pod configuration parameters");
  }
  if (body.gpu?.minCudaVersion !== undefined && body.gpu.allowedCudaVersions !== undefined) {
    throw new Problem(400, "minCudaVersion and allowedCudaVersions exclude each other");
  }
  if (body.mounts?.persistent !== undefined && body.mounts.network !== undefined) {
    throw new Problem(400, "a pod has either a persistent or a network volume");
  }
  checkPortsAndEnv(body);
}

/** Also for a change of an existing pod. */
export function checkPortsAndEnv({ ports, env }: Pick<CreatePodBody, "ports" | "env">): void {
  for (const port of ports ?? []) {
    const [, number] = /^(\d{1,5})\/(?:http|tcp)$/.exec(port) ?? [];
    if (number === undefined || Number(number) < 1 || Number(number) > 65_535) {
      throw new Problem(400, `invalid port "${port}": expected a number and /http or /tcp`);
    }
  }
  const http = (ports ?? []).filter((port) => port.endsWith("/http")).length;
  if (http > mostHttpPorts) throw new Problem(400, `at most ${mostHttpPorts} http ports`);
  if (Object.keys(env ?? {}).length > mostVariables) {
    throw new Problem(400, `at most ${mostVariables} environment variables`);
  }
}

function wantedDataCenters(
  { dataCenterIds, mounts }: CreatePodBody,
  cloud: CloudName,
  volumes: Volumes,
): (id: string) => boolean {
  const unknown = dataCenterIds?.find((id) => !dataCenters.some((each) => each.id === id));
  if (unknown !== undefined) throw new Problem(400, `unknown data center "${unknown}"`);
  const [mount] = mounts?.network ?? [];
  if (mount === undefined) return (id) => dataCenterIds?.includes(id) ?? true;
  const volume = volumes.find(mount.volumeId);
  if (volume === undefined) throw new Problem(404, "network volume not found");
  if (cloud !== "SECURE") throw new Problem(400, "network volumes require the secure cloud");
  return (id) => id === volume.dataCenter && (dataCenterIds?.includes(id) ?? true);
}
