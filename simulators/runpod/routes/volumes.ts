import { json } from "../../invokeai/answers.ts";
import { createVolumeBody, readBody } from "../create-request.ts";
import { noContent, Problem } from "../problems.ts";
import type { Handlers } from "../router.ts";
import type { Volume } from "../volumes.ts";
import type { World } from "../world.ts";

type VolumeHandlers = Pick<Handlers, "createVolume" | "listVolumes" | "getVolume" | "deleteVolume">;

export function createVolumeHandlers({ volumes, pods }: World): VolumeHandlers {
  function volumeOf(id: string | undefined): Volume {
    const volume = volumes.find(id ?? "");
    if (volume === undefined) throw new Problem(404, "network volume not found");
    return volume;
  }

  const isMounted = ({ id }: Volume) =>
    pods
      .all()
      .some(
        ({ endedAt, spec }) =>
          endedAt === null && spec.mounts.network?.some(({ volumeId }) => volumeId === id),
      );

  return {
    createVolume: ({ body }) =>
      json(describe(volumes.create(readBody(body, createVolumeBody))), 201),
    listVolumes: () => json({ networkVolumes: volumes.list().map(describe) }),
    getVolume: ({ params }) => json(describe(volumeOf(params["id"]))),
    deleteVolume({ params }) {
      const volume = volumeOf(params["id"]);
      if (isMounted(volume)) throw new Problem(400, "the network volume is used by a pod");
      volumes.remove(volume);
      return noContent;
    },
  };
}

const describe = ({ id, name, size, dataCenter, type }: Volume) => ({
  id,
  name,
  size,
  dataCenter,
  type,
});
