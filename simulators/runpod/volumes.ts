import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { dataCenters } from "./catalogue.ts";
import type { Clock } from "./clock.ts";
import { createMeter, type Meter, networkVolumeUsdPerHour } from "./meter.ts";
import { Problem } from "./problems.ts";

export type Volume = {
  id: string;
  name: string;
  size: number;
  dataCenter: string;
  type: "STANDARD" | "HIGH_PERFORMANCE";
  isDeleted: boolean;
  meter: Meter;
  /** Mounted into every pod that names it. */
  folder: string;
};

export type Volumes = ReturnType<typeof createVolumes>;

/** The network volumes; their files are in a folder each. */
export function createVolumes(clock: Clock, root: string) {
  const volumes: Volume[] = [];

  return {
    all: (): readonly Volume[] => volumes,
    list: (): Volume[] => volumes.filter(({ isDeleted }) => !isDeleted),
    find: (id: string): Volume | undefined =>
      volumes.find((volume) => volume.id === id && !volume.isDeleted),

    create(
      wanted: Pick<Volume, "name" | "size" | "dataCenter"> & { type?: Volume["type"] },
    ): Volume {
      const place = dataCenters.find(({ id }) => id === wanted.dataCenter);
      if (place === undefined) throw new Problem(400, `unknown data center "${wanted.dataCenter}"`);
      if (!place.hasVolumes) throw new Problem(400, `${place.id} offers no network volumes`);
      const id = `vol${crypto.randomUUID().replaceAll("-", "").slice(0, 11)}`;
      const folder = join(root, id);
      mkdirSync(folder, { recursive: true });
      const meter = createMeter();
      meter.charge(clock.now(), {
        gpuUsdPerHour: 0,
        diskUsdPerHour: networkVolumeUsdPerHour(wanted.size),
      });
      const volume: Volume = { type: "STANDARD", ...wanted, id, isDeleted: false, meter, folder };
      volumes.push(volume);
      return volume;
    },

    remove(volume: Volume): void {
      volume.isDeleted = true;
      volume.meter.charge(clock.now(), null);
      rmSync(volume.folder, { recursive: true, force: true });
    },
  };
}
