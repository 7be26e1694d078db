import type { ListedFile, Storage } from "./storage";

/** Where files are while a library moves. */
export type Places = Readonly<{
  /** New files are written here, and it is read first. */
  first: Storage;
  /** Read for what the first one lacks; null: no move. */
  other: Storage | null;
}>;

/** The places in force; they may change at any time. */
export type ReadPlaces = Readonly<{
  /** At most a few seconds old, or older when they cannot be read. */
  forReading: () => Places | Promise<Places>;
  /** At most a few seconds old. */
  forWriting: () => Places | Promise<Places>;
}>;

/**
 * A library that may be in two places: files are written to the first one, read where they are, and removed from both. The
 * staged files of every driver are at the same path of this machine, so that one can be committed to either place.
 */
export function createTwoPlaceStorage(places: ReadPlaces): Storage {
  const writing = async () => (await places.forWriting()).first;

  /** The first result that is not undefined. */
  async function fromEither<T>(
    use: (storage: Storage) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const { first, other } = await places.forReading();
    const found = await use(first);
    return found === undefined && other !== null ? use(other) : found;
  }

  /** Both, also when the first one fails. */
  async function inBoth<T>(use: (storage: Storage) => Promise<T>): Promise<T[]> {
    const { first, other } = await places.forWriting();
    const results = await Promise.allSettled([first, ...(other ? [other] : [])].map(use));
    return results.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
  }

  async function* list(prefix: string): AsyncGenerator<ListedFile> {
    const { first, other } = await places.forReading();
    yield* first.list(prefix);
    if (other) yield* other.list(prefix);
  }

  return {
    list,
    stage: async (kind, owner) => (await writing()).stage(kind, owner),
    removeStaged: async (kind, owner) => (await writing()).removeStaged(kind, owner),
    commit: async (staged, key) => (await writing()).commit(staged, key),
    put: async (key, bytes) => (await writing()).put(key, bytes),
    write: async (key, produce) => (await writing()).write(key, produce),
    find: (key) => fromEither((storage) => storage.find(key)),
    withLocalFile: (key, use) => fromEither((storage) => storage.withLocalFile(key, use)),
    hash: (key, onChunk) => fromEither((storage) => storage.hash(key, onChunk)),
    remove: async (key) => void (await inBoth((storage) => storage.remove(key))),
    quarantine: async (key, unchangedSince) =>
      (await inBoth((storage) => storage.quarantine(key, unchangedSince))).includes(true),
    freeBytes: async () => (await writing()).freeBytes(),
    async findUnmountedArea() {
      const { first, other } = await places.forReading();
      return (await first.findUnmountedArea()) ?? other?.findUnmountedArea();
    },

    // A move marks its places itself; see `library/open.ts`.
    readMarker: async (area) => (await writing()).readMarker(area),
    writeMarker: async (id, area) => (await writing()).writeMarker(id, area),
    areasAreMarked: async () => (await writing()).areasAreMarked(),
    recordAreasMarked: async (id) => (await writing()).recordAreasMarked(id),
    agreeOn: async (name, text) => (await writing()).agreeOn(name, text),
    requireMarkers: () => {},
  };
}
