import { randomUUID } from "node:crypto";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "#errors";
import { isMissing, makeFolder, placeFile } from "./durable";
import { onStorage, storageUnmounted } from "./faults";
import { type Area, areas } from "./keys";
import type { Storage } from "./storage";

/** Hidden, beside the areas and in each of them; a mount point without its volume has none. */
export const markerName = ".installation";
/** Second line of the marker beside the areas, written once each area has its own marker. */
const areasMarked = "areas marked";

type MarkerMethods = Pick<
  Storage,
  | "readMarker"
  | "writeMarker"
  | "areasAreMarked"
  | "recordAreasMarked"
  | "requireMarkers"
  | "findUnmountedArea"
>;

/** The markers of a data folder. Once the installation id is set, every write checks them. */
export type Markers = MarkerMethods & {
  requiresMarkers: () => boolean;
  /** @throws AppError when an area, or the folder around it, lacks the marker of the installation */
  check: (area: Area) => Promise<void>;
  /**
   * Runs file operations on an area between two checks of its markers. Fails when the volume was unmounted or replaced
   * in the meantime; then `undo` removes files that were not written to the volume.
   * @param written.settled a file that exists after the operation
   */
  during: <T>(
    area: Area,
    work: () => Promise<T>,
    written: { settled?: string; undo: () => Promise<void> },
  ) => Promise<T>;
};

export function createMarkers(dataDir: string): Markers {
  let requiredId: string | undefined;
  let requiresAreaMarkers = false;
  /** Paths whose file is known to hold the id: a marker is read once, afterwards only its inode is compared. */
  const known = new Map<string, string>();
  const pathOf = (area: Area | "photos") => join(dataDir, area, markerName);

  async function identify(path: string): Promise<string> {
    const { dev, ino, mtimeNs } = await stat(path, { bigint: true }).catch((error: unknown) => {
      throw isMissing(error) ? storageUnmounted(error) : error;
    });
    const identity = `${dev} ${ino} ${mtimeNs}`;
    if (known.get(path) === identity) return identity;
    if ((await readLines(path))?.[0] !== requiredId) throw storageUnmounted();
    known.set(path, identity);
    return identity;
  }

  async function identifyArea(area: Area): Promise<string> {
    const paths = requiresAreaMarkers ? [pathOf("photos"), pathOf(area)] : [pathOf("photos")];
    return (await Promise.all(paths.map(identify))).join("\n");
  }

  async function check(area: Area): Promise<void> {
    if (requiredId !== undefined) await identifyArea(area);
  }

  return {
    requiresMarkers: () => requiredId !== undefined,
    check,

    async during(area, work, { settled, undo }) {
      if (requiredId === undefined) return work();
      const before = await identifyArea(area);
      const isStillThere = async () => (await identifyArea(area).catch(() => "")) === before;
      try {
        const result = await work();
        if (!(await isStillThere())) throw storageUnmounted();
        if (settled !== undefined) await stat(settled);
        return result;
      } catch (error) {
        // A fault of the request is kept; any other one is explained by the unmounted volume.
        const isNamed = error instanceof AppError && error.kind !== "internal";
        if (!isNamed && (await isStillThere())) throw error;
        await undo();
        throw isNamed ? error : storageUnmounted(error);
      }
    },

    readMarker: (area) => onStorage(async () => (await readLines(pathOf(area ?? "photos")))?.[0]),

    writeMarker: (installationId, area) =>
      onStorage(async () => {
        await writeMarkerFile(pathOf(area ?? "photos"), [installationId]);
        requiredId ??= installationId;
      }),

    areasAreMarked: () =>
      onStorage(async () => (await readLines(pathOf("photos")))?.[1] === areasMarked),

    recordAreasMarked: (installationId) =>
      onStorage(() => writeMarkerFile(pathOf("photos"), [installationId, areasMarked])),

    requireMarkers(installationId) {
      requiredId = installationId;
      requiresAreaMarkers = true;
    },

    async findUnmountedArea() {
      for (const area of areas) {
        const isThere = await check(area).then(
          () => true,
          () => false,
        );
        if (!isThere) return area;
      }
      return undefined;
    },
  };
}

async function readLines(path: string): Promise<string[] | undefined> {
  try {
    const text = await readFile(path, "utf8");
    return text.split("\n").map((line) => line.trim());
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function writeMarkerFile(path: string, lines: string[]): Promise<void> {
  await makeFolder(dirname(path));
  // The API and the worker of a new installation write it at the same time.
  const unfinished = `${path}.${randomUUID()}.part`;
  try {
    await writeFile(unfinished, `${lines.join("\n")}\n`);
    await placeFile(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
}
