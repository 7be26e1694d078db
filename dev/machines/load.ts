import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256Of } from "#sha256";
import { Refusal } from "#stack/refusal";
import { waitFor } from "#stack/wait";
import type { Cluster } from "./cluster";
import { tinyPng } from "./pictures";

type Json = Record<string, any>;

export type LoadSize = { steps: number; uploads: number; imports: number };

/** What a client was promised. */
export type Ledger = {
  /** Ids of uploads that were acknowledged, with the SHA-256 of what was sent. */
  uploads: Map<string, string>;
  /** Steps that were accepted, with their seed. */
  steps: Map<string, number>;
  importId: string;
  /** SHA-256 of the files to import. */
  imported: string[];
  /** Requests that were repeated, by reason. */
  repeated: Map<string, number>;
};

const sessions = 4;
const uploadsAtOnce = 4;
const patienceMs = 15_000;
const pauseMs = 500;
/** Above those of pictures, which have other numbers. */
const firstSeed = 1_000;
const firstImport = 8_000_000;

/**
 * Uploads pictures, requests steps and imports a folder, each request repeated until it is answered, as a client does that
 * loses its connection. Requests are spread over `durationMs`, unless they take longer.
 */
export function startLoad(cluster: Cluster, size: LoadSize, durationMs: number) {
  const ledger: Ledger = {
    uploads: new Map(),
    steps: new Map(),
    importId: "",
    imported: [],
    repeated: new Map(),
  };

  async function request(method: string, path: string, init: () => RequestInit): Promise<Json> {
    for (;;) {
      const { headers, ...rest } = init();
      const outcome = await fetch(`${cluster.url}/api/v1${path}`, {
        ...rest,
        method,
        headers: { ...cluster.headers, ...(headers as Record<string, string>) },
        signal: AbortSignal.timeout(patienceMs),
      })
        .then(async (response) => ({ status: response.status, text: await response.text() }))
        .catch((error: Error) => ({ status: 0, text: error.name }));
      if (outcome.status >= 200 && outcome.status < 300) return JSON.parse(outcome.text);
      // 409: the first try of this request is still being answered.
      const isTransient = [0, 409, 429].includes(outcome.status) || outcome.status >= 500;
      if (!isTransient) throw new Refusal(`${method} ${path}: ${outcome.status} ${outcome.text}`);
      const reason = outcome.status === 0 ? outcome.text : `${outcome.status}`;
      ledger.repeated.set(reason, (ledger.repeated.get(reason) ?? 0) + 1);
      await Bun.sleep(pauseMs);
    }
  }

  const post = (path: string, body: unknown): Promise<Json> => {
    const headers = {
      "content-type": "application/json",
      "idempotency-key": crypto.randomUUID(),
    };
    return request("POST", path, () => ({ headers, body: JSON.stringify(body) }));
  };
  const get = (path: string) => request("GET", path, () => ({}));

  async function upload(number: number): Promise<void> {
    const bytes = tinyPng(number);
    const { id } = await request("POST", "/photos", () => {
      const body = new FormData();
      body.append("file", new File([bytes], `upload-${number}.png`));
      return { body };
    });
    ledger.uploads.set(id, sha256Of(bytes));
  }

  async function uploadAll(): Promise<void> {
    let next = 0;
    const lanes = Array.from({ length: uploadsAtOnce }, async () => {
      while (next < size.uploads) {
        await Promise.all([upload(++next), Bun.sleep((durationMs / size.uploads) * uploadsAtOnce)]);
      }
    });
    await Promise.all(lanes);
  }

  async function requestSteps(): Promise<void> {
    const findModel = async (): Promise<Json | undefined> =>
      (await get("/models?base=sd-1"))["items"].find((each: Json) => each["usable"]);
    const model = await waitFor(findModel, {
      timeoutMs: 60_000,
      everyMs: 500,
      onTimeout: () => new Refusal("InvokeAI has no model."),
    });
    const ids = await Promise.all(
      Array.from({ length: sessions }, async () => {
        const { id } = await post("/generation/sessions", { entry_type: "scratch" });
        return id as string;
      }),
    );
    for (let index = 0; index < size.steps; index += 1) {
      const seed = firstSeed + index;
      const { id } = await post(`/generation/sessions/${ids[index % sessions]}/steps`, {
        prompt: `a lighthouse, number ${index}`,
        parameters: {
          model_key: model.key,
          width: 128,
          height: 128,
          steps: 2,
          batch_size: 1,
          seed,
        },
      });
      ledger.steps.set(id, seed);
      await Bun.sleep(durationMs / size.steps);
    }
  }

  async function importFolder(): Promise<void> {
    const folder = join(cluster.importRoot, "summer");
    await mkdir(folder);
    for (let index = 0; index < size.imports; index += 1) {
      const bytes = tinyPng(firstImport + index);
      await writeFile(join(folder, `picture-${index}.png`), bytes);
      ledger.imported.push(sha256Of(bytes));
    }
    ledger.importId = (await post("/photos/import", { path: folder }))["id"];
  }

  const done = Promise.all([uploadAll(), requestSteps(), importFolder()]);
  // Awaited when the faults are over.
  done.catch(() => {});
  return { ledger, done, get };
}
