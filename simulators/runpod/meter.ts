/** A time in which the same prices apply; an open one has no end yet. */
type Segment = { from: number; to: number | null; gpuUsdPerHour: number; diskUsdPerHour: number };

const hourMs = 3_600_000;
/** RunPod's prices are per month of 730 hours. */
const monthHours = 730;
const containerDiskUsd = 0.1;
const runningVolumeUsd = 0.1;
const stoppedVolumeUsd = 0.2;
const networkVolumeUsd = 0.07;
const largeNetworkVolumeUsd = 0.05;
const largeVolumeGb = 1000;

export type Sums = { seconds: number; gpuUsd: number; diskUsd: number; totalUsd: number };

export type Meter = ReturnType<typeof createMeter>;

/** Counts simulated seconds and dollars of one pod. */
export function createMeter() {
  const segments: Segment[] = [];

  return {
    /** From now on these prices apply; null: nothing is billed any more. */
    charge(at: number, prices: Pick<Segment, "gpuUsdPerHour" | "diskUsdPerHour"> | null): void {
      const open = segments.at(-1);
      if (open !== undefined && open.to === null) open.to = at;
      if (prices !== null) segments.push({ from: at, to: null, ...prices });
    },
    /** What is due for the part of its life in `[from, to)`. */
    sum(from: number, to: number): Sums {
      let [seconds, gpuUsd, diskUsd] = [0, 0, 0];
      for (const segment of segments) {
        const start = Math.max(segment.from, from);
        const ms = Math.max(0, Math.min(segment.to ?? to, to) - start);
        if (segment.gpuUsdPerHour > 0) seconds += ms / 1000;
        gpuUsd += (ms / hourMs) * segment.gpuUsdPerHour;
        diskUsd += (ms / hourMs) * segment.diskUsdPerHour;
      }
      return { seconds, gpuUsd, diskUsd, totalUsd: gpuUsd + diskUsd };
    },
  };
}

/** USD per hour for the disks of a pod; the container's disk is wiped by a stop, a persistent volume costs double. */
export function diskUsdPerHour(
  disks: { containerGb: number; persistentGb: number },
  state: "running" | "stopped",
): number {
  const container = state === "running" ? disks.containerGb * containerDiskUsd : 0;
  const volumeUsd = state === "running" ? runningVolumeUsd : stoppedVolumeUsd;
  return (container + disks.persistentGb * volumeUsd) / monthHours;
}

/** USD per hour for a network volume. */
export function networkVolumeUsdPerHour(sizeGb: number): number {
  const usd = sizeGb < largeVolumeGb ? networkVolumeUsd : largeNetworkVolumeUsd;
  return (sizeGb * usd) / monthHours;
}
