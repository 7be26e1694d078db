import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "#errors";
import { sha256OfStream } from "#sha256";
import { onStorage, storageUnmounted } from "../faults";
import { areaOf, areas, incomingFolder, quarantineFolder } from "../keys";
import { freeBytesOf, listFiles, locate, quarantineFile } from "../local-files";
import { createStagedFile, removeStagedFiles, writeStream } from "../staging";
import type { ListedFile, Storage } from "../storage";
import { createCacheFolder } from "./cache-folder";
import { contentOf } from "./content";
import { ObjectStoreFault, onObjectStore } from "./fault";
import type { ObjectFacts } from "./answer";
import type { ObjectStore } from "./object-store";
import { storeObject } from "./write";

/** For so long what is known of an object is not asked again. Only another process can have changed it. */
const knownMs = 10_000;
const maxKnown = 20_000;
/** On a full disk larger files cannot be read: several requests at once must not use up the memory. */
const maxInMemoryBytes = 32 * 1024 * 1024;

const markerKey = "photos/.installation";
const sharedKey = (name: string) => `photos/.${name}`;

type Options = Readonly<{
  store: ObjectStore;
  /** Unfinished files and the cache are here. */
  dataDir: string;
  cacheBytes: number;
}>;

/**
 * The library in a bucket of an S3-compatible store, with the same keys as on a disk. A file is read through a copy on this
 * machine, whose hash is checked when it is downloaded; so is what is written, after it was stored. Unfinished files
 * never leave this machine.
 */
export function createS3Storage({ store, dataDir, cacheBytes }: Options): Storage {
  const cache = createCacheFolder(join(dataDir, "cache/s3"), cacheBytes);
  const incomingOf = (area: string) => join(dataDir, area, incomingFolder);
  const known = new Map<string, { facts: ObjectFacts; at: number }>();
  let requiredId: string | undefined;

  async function factsOf(key: string): Promise<ObjectFacts | undefined> {
    locate(key);
    const had = known.get(key);
    if (had && Math.abs(Date.now() - had.at) < knownMs) return had.facts;
    known.delete(key);
    const facts = await onObjectStore(() => store.head(key));
    if (facts) {
      if (known.size >= maxKnown) known.delete(known.keys().next().value!);
      known.set(key, { facts, at: Date.now() });
    }
    return facts;
  }

  const openLocally = (key: string, facts: ObjectFacts) =>
    onObjectStore(() =>
      cache.open({ key, etag: facts.etag }, (path) => download(store, key, facts, path)),
    );

  /** Without room for a copy on this machine a file is read into memory. */
  async function load(key: string, facts: ObjectFacts): Promise<Blob> {
    try {
      return Bun.file(await openLocally(key, facts));
    } catch (error) {
      const isFull = error instanceof AppError && error.kind === "storage_full";
      if (!isFull || facts.bytes > maxInMemoryBytes) throw error;
      return onObjectStore(() => downloadToMemory(store, key, facts));
    }
  }

  async function storeAt(
    key: string,
    body: Blob,
    { onlyNew }: { onlyNew: boolean },
  ): Promise<void> {
    locate(key);
    await checkMarker();
    try {
      const contentHash = await onStorage(() => sha256OfStream(body.stream()));
      await onObjectStore(() => storeObject(store, key, { body, contentHash, onlyNew }));
    } finally {
      known.delete(key);
    }
  }

  /** Once, before the first write: a bucket that was emptied or exchanged gets no photos. */
  let checked: Promise<void> | undefined;
  function checkMarker(): Promise<void> {
    checked ??= readMarker().then((marker) => {
      if (requiredId !== undefined && marker !== requiredId) throw storageUnmounted();
    });
    return checked.catch((error: unknown) => {
      checked = undefined;
      throw error;
    });
  }

  const readText = (key: string) =>
    onObjectStore(async () => {
      const found = await store.get(key);
      return found && (await new Response(found.body).text()).trim();
    });
  const readMarker = () => readText(markerKey);

  async function storeText(key: string, text: string, onlyNew: boolean): Promise<void> {
    const body = new Blob([`${text}\n`]);
    const contentHash = await sha256OfStream(body.stream());
    await onObjectStore(() => storeObject(store, key, { body, contentHash, onlyNew }));
  }

  async function* list(prefix: string): AsyncGenerator<ListedFile> {
    const objects = store.list(`${prefix}/`)[Symbol.asyncIterator]();
    for (;;) {
      const next = await onObjectStore(() => objects.next());
      if (next.done) break;
      if (!next.value.key.includes(`/${quarantineFolder}/`)) yield next.value;
    }
    // Other files here are of a library on this disk, which is not this one.
    yield* listFiles(dataDir, `${prefix}/${incomingFolder}`);
  }

  return {
    stage: (kind, owner) => onStorage(() => createStagedFile(incomingOf(areaOf(kind)), owner)),

    removeStaged: (kind, owner) =>
      onStorage(() => removeStagedFiles(incomingOf(areaOf(kind)), owner)),

    commit: async (staged, key) => {
      await storeAt(key, Bun.file(staged.path), { onlyNew: true });
      await staged.abort();
    },

    put: (key, bytes) => storeAt(key, new Blob([new Uint8Array(bytes)]), { onlyNew: false }),

    async write(key, produce) {
      const { area } = locate(key);
      await using staged = await onStorage(() => createStagedFile(incomingOf(area)));
      if (await produce(staged.path)) {
        await storeAt(key, Bun.file(staged.path), { onlyNew: false });
      }
    },

    async find(key) {
      const facts = await factsOf(key);
      if (!facts) return undefined;
      const { bytes, modifiedAt, etag: revision } = facts;
      const content = contentOf(() => load(key, facts), 0, bytes);
      return { bytes, modifiedAt, changedAt: modifiedAt, revision, content };
    },

    async withLocalFile(key, use) {
      const facts = await factsOf(key);
      return facts && use(await openLocally(key, facts));
    },

    async hash(key, onChunk) {
      locate(key);
      return onObjectStore(async () => {
        const found = await store.get(key);
        return found && sha256OfStream(found.body, onChunk);
      });
    },

    async remove(key) {
      locate(key);
      known.delete(key);
      await onObjectStore(() => store.remove(key));
    },

    list,

    async quarantine(key, unchangedSince) {
      const { area, rest } = locate(key);
      if (rest.startsWith(`${incomingFolder}/`)) {
        return onStorage(() => quarantineFile(dataDir, key, unchangedSince));
      }
      return onObjectStore(async () => {
        const found = await store.head(key);
        if (!found || found.modifiedAt >= unchangedSince) return false;
        const to = `${area}/${quarantineFolder}/${rest}`;
        await store.copy(key, to);
        const copied = await store.head(to);
        if (copied?.bytes !== found.bytes) throw new ObjectStoreFault("broken");
        known.delete(key);
        await store.remove(key);
        return true;
      });
    },

    freeBytes: () =>
      onStorage(async () => {
        await mkdir(dataDir, { recursive: true });
        return freeBytesOf(dataDir);
      }),

    // A bucket is one place: the marker beside the areas stands for all of them.
    readMarker,
    writeMarker: (installationId) => storeText(markerKey, installationId, false),
    async agreeOn(name, text) {
      const key = sharedKey(name);
      const found = await readText(key);
      if (found !== undefined) return found;
      // Another machine may be faster: then its text is there, and this one is refused.
      const fault = await storeText(key, text, true).catch((error: unknown) => error);
      const agreed = await readText(key);
      if (agreed === undefined) throw fault;
      return agreed;
    },
    areasAreMarked: async () => true,
    recordAreasMarked: async () => {},
    requireMarkers(installationId) {
      requiredId = installationId;
    },
    async findUnmountedArea() {
      const isOurs = requiredId === undefined || (await readMarker()) === requiredId;
      return isOurs ? undefined : areas[0];
    },
  };
}

/** Downloads an object and compares its length and its hash. */
async function download(
  store: ObjectStore,
  key: string,
  expected: ObjectFacts,
  path: string,
): Promise<void> {
  const found = await store.get(key);
  if (!found) throw new ObjectStoreFault("unreachable");
  expectWhole(await writeStream(path, found.body, Number.MAX_SAFE_INTEGER), expected);
}

async function downloadToMemory(
  store: ObjectStore,
  key: string,
  expected: ObjectFacts,
): Promise<Blob> {
  const found = await store.get(key);
  if (!found) throw new ObjectStoreFault("unreachable");
  const content = await new Response(found.body).blob();
  expectWhole(
    { bytes: content.size, contentHash: await sha256OfStream(content.stream()) },
    expected,
  );
  return content;
}

function expectWhole(
  { bytes, contentHash }: { bytes: number; contentHash: string },
  expected: ObjectFacts,
): void {
  const isWhole =
    bytes === expected.bytes &&
    (expected.contentHash === undefined || expected.contentHash === contentHash);
  if (!isWhole) throw new ObjectStoreFault("damaged");
}
