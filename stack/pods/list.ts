import type { Pod, PodProvider } from "#activities/adapters/pods/provider";
import { anyInstallation, type Installation } from "./account";
import { formatTable, showDollars, type Terminal } from "./terminal";

/** Network volumes cost this per GB and month below 1 TB. */
const volumeMicrosPerGb = 70_000;

export const monthlyPriceOf = (sizeGb: number): string => showDollars(sizeGb * volumeMicrosPerGb);

/** Shows all pods and volumes of the account. */
export async function listPods(
  provider: PodProvider,
  installation: Installation | undefined,
  { say }: Terminal,
): Promise<number> {
  const [pods, volumes] = await Promise.all([provider.list(), provider.listVolumes()]);
  if (pods.length === 0) say("No pod exists in this account.");
  else {
    const heading = ["pod", "name", "GPU", "where", "status", "$/hour", "since", "of"];
    say(formatTable([heading, ...pods.map((pod) => rowOf(pod, installation))]));
    say("\n./gallery pods stop-all ends those of this gallery.");
  }
  if (volumes.length > 0) {
    const heading = ["volume", "name", "GB", "where", "$/month"];
    const rows = volumes.map(({ id, name, sizeGb, dataCenter }) => [
      id,
      name,
      String(sizeGb),
      dataCenter,
      monthlyPriceOf(sizeGb),
    ]);
    say(`\n${formatTable([heading, ...rows])}`);
  }
  return 0;
}

function rowOf(pod: Pod, installation: Installation | undefined): string[] {
  return [
    pod.id,
    pod.name,
    pod.gpuType ?? "",
    pod.dataCenter ?? "",
    pod.status,
    pod.hourlyMicros === null ? "" : showDollars(pod.hourlyMicros),
    pod.createdAt?.toISOString().slice(0, 16) ?? "",
    ownerOf(pod.name, installation),
  ];
}

function ownerOf(name: string, installation: Installation | undefined): string {
  if (installation && name.startsWith(installation.prefix)) return "this gallery";
  return anyInstallation.test(name) ? "a gallery" : "something else";
}
