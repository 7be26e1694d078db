import { until } from "./wait";

type Json = Record<string, any>;

/** A state that lasts is not missed between two requests, each of which costs the api, the test and Postgres time. */
const lastingPauseMs = 250;
const lastingStatuses: readonly string[] = ["completed", "failed", "cancelled"];

/** A client of the api: JSON in, JSON out; throws for a status that is not 2xx. */
export function createGalleryClient(url: string) {
  async function call(method: string, path: string, body?: unknown, headers = {}): Promise<Json> {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { accept: "application/json", "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? {} : JSON.parse(text);
  }

  /** A model of sd-1, whose steps take every parameter. */
  async function firstModel(): Promise<Json> {
    return until("a model that can generate images", async () => {
      const { items } = await call("GET", "/models?base=sd-1");
      return items.find((model: Json) => model.usable);
    });
  }

  /** Waits until the worker has read this workflow of InvokeAI's library: they come one by one, after the node types. */
  async function libraryHas(libraryId: string): Promise<void> {
    await until(`the workflow ${libraryId}`, async () => {
      const { items } = await call("GET", "/recipes/library?limit=100");
      return items.some((listed: Json) => listed.library_id === libraryId);
    });
  }

  return {
    url,
    get: (path: string) => call("GET", path),
    post: (path: string, body: unknown = {}, headers = {}) => call("POST", path, body, headers),
    patch: (path: string, body: unknown) => call("PATCH", path, body),
    /** Uploads one file as a multipart form. */
    async upload(bytes: Uint8Array, filename = "picture.png"): Promise<Json> {
      const form = new FormData();
      form.append("file", new File([new Uint8Array(bytes)], filename));
      const response = await fetch(`${url}/api/v1/photos`, { method: "POST", body: form });
      if (!response.ok) throw new Error(`upload: ${response.status} ${await response.text()}`);
      return response.json() as Promise<Json>;
    },
    firstModel,
    libraryHas,
    /** A recipe from a workflow of InvokeAI's library. */
    async recipeOf(libraryId: string): Promise<Json> {
      await libraryHas(libraryId);
      return call("POST", "/recipes", { library_id: libraryId });
    },
    createSession: () => call("POST", "/generation/sessions", { entry_type: "scratch" }),
    /** Requests a small step, which generates quickly. */
    async requestStep(sessionId: string, more: Json = {}, headers = {}): Promise<Json> {
      const { parameters, ...rest } = more;
      const model = await firstModel();
      return call(
        "POST",
        `/generation/sessions/${sessionId}/steps`,
        {
          prompt: "a lighthouse at dusk",
          ...rest,
          parameters: {
            model_key: model.key,
            width: 128,
            height: 128,
            steps: 4,
            batch_size: 4,
            seed: 100,
            ...parameters,
          },
        },
        headers,
      );
    },
    /** Waits until a step has one of these statuses. */
    stepIs: (stepId: string, statuses: string[], timeoutMs = 60_000): Promise<Json> =>
      until(
        `step ${statuses.join(" or ")}`,
        async () => {
          const step = await call("GET", `/generation/steps/${stepId}`);
          return statuses.includes(step.status) ? step : undefined;
        },
        timeoutMs,
        undefined,
        statuses.every((status) => lastingStatuses.includes(status)) ? lastingPauseMs : undefined,
      ),
    /** Waits until a step shows this position in the line. */
    positionIs: (stepId: string, position: number): Promise<Json> =>
      until(`position ${position} in the line`, async () => {
        const step = await call("GET", `/generation/steps/${stepId}`);
        return step.progress_message?.includes(`Position ${position} in the line`) && step;
      }),
    /** Asks for a photo to be reproduced, for the first time, and waits for the verdict. */
    async reproduce(photoId: string): Promise<Json> {
      await call("POST", `/photos/${photoId}/reproduce`);
      return until("a verdict", async () => {
        return (await call("GET", `/photos/${photoId}`)).reproduction;
      });
    },
    /** The photos of a step, in the order of their slots. */
    async photosOf(stepId: string): Promise<Json[]> {
      const { items } = await call("GET", `/generation/steps/${stepId}/alternatives`);
      return items;
    },
    /** Waits until a step has this number of photos, fetched or not. */
    photosAre: (stepId: string, amount: number) =>
      until(`${amount} photos`, async () => {
        const { items } = await call("GET", `/generation/steps/${stepId}/alternatives`);
        return items.length === amount;
      }),
    /** Waits until every photo of the step is fetched. */
    allRetrieved: (stepId: string, amount: number, timeoutMs = 30_000): Promise<Json> =>
      until(
        `${amount} fetched photos`,
        async () => {
          const { retrieval_status: all } = await call("GET", `/generation/steps/${stepId}/status`);
          return all.completed === amount && all.pending === 0 ? all : undefined;
        },
        timeoutMs,
        undefined,
        lastingPauseMs,
      ),
  };
}

export type GalleryClient = ReturnType<typeof createGalleryClient>;
