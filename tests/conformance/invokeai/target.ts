import { startSimulator } from "#dev/simulators/invokeai/start";

export type Model = {
  key: string;
  hash: string;
  name: string;
  base: string;
  type: string;
  [field: string]: unknown;
};

export type Item = {
  item_id: number;
  status: string;
  batch_id: string;
  session_id: string;
  field_values: { node_path: string; field_name: string; value: unknown }[];
  error_type?: string;
  error_message?: string;
  session: {
    results: Record<string, { type: string; image?: { image_name: string } }>;
    source_prepared_mapping: Record<string, string[]>;
  };
  [field: string]: unknown;
};

export type BatchStatus = Record<"pending" | "in_progress" | "completed" | "total", number> & {
  origin: string | null;
  [field: string]: unknown;
};

// oxlint-disable-next-line typescript/no-explicit-any -- answers are what these tests examine
export type Answer = { status: number; headers: Headers; json: any };

export type Target = Awaited<ReturnType<typeof openTarget>>;

const queue = "/api/v1/queue/default";
const deadlineMs = 60_000;

/** A server to examine: the real one that `GALLERY_TEST_INVOKEAI_URL` names, else a simulator. */
export async function openTarget() {
  const realUrl = Bun.env.GALLERY_TEST_INVOKEAI_URL;
  const simulator = realUrl === undefined ? await startSimulator() : undefined;
  const url = simulator?.url ?? realUrl ?? "";

  async function call(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(new URL(path, url), {
      method,
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const isJson = response.headers.get("content-type")?.startsWith("application/json") ?? false;
    const json: unknown = isJson ? await response.json() : await response.text();
    return { status: response.status, headers: response.headers, json };
  }

  const batchStatus = async (batchId: string): Promise<BatchStatus> =>
    (await call("GET", `${queue}/b/${batchId}/status`)).json as BatchStatus;

  async function until<T>(look: () => Promise<T>, isDone: (seen: T) => boolean): Promise<T> {
    const deadline = Date.now() + deadlineMs;
    for (;;) {
      const seen = await look();
      if (isDone(seen)) return seen;
      if (Date.now() > deadline) throw new Error(`Not reached: ${JSON.stringify(seen)}`);
      await Bun.sleep(10);
    }
  }

  return {
    url,
    queue,
    call,
    batchStatus,
    until,

    enqueue: (batch: Record<string, unknown>, prepend = false) =>
      call("POST", `${queue}/enqueue_batch`, { prepend, batch: { runs: 1, ...batch } }),

    /** The items of a batch that names itself as its destination, oldest first, once all have ended. */
    async finishedItems(batchId: string): Promise<Item[]> {
      await until(
        () => batchStatus(batchId),
        ({ pending, in_progress, total }) => total > 0 && pending + in_progress === 0,
      );
      const items = (await call("GET", `${queue}/list_all?destination=${batchId}`)).json as Item[];
      return items.filter((item) => item.batch_id === batchId);
    },

    async findModel(base: string, type: string): Promise<Model> {
      const { json } = await call("GET", `/api/v2/models/?model_type=${type}&base_models=${base}`);
      const [model] = json.models as Model[];
      if (model === undefined) throw new Error(`The server has no ${type} of base ${base}`);
      return model;
    },

    async upload(
      bytes: Uint8Array,
      type = "image/png",
      query = "image_category=user&is_intermediate=true",
    ) {
      const form = new FormData();
      form.set("file", new File([new Uint8Array(bytes)], "picture", { type }));
      const response = await fetch(new URL(`/api/v1/images/upload?${query}`, url), {
        method: "POST",
        body: form,
      });
      // oxlint-disable-next-line typescript/no-explicit-any
      return {
        status: response.status,
        headers: response.headers,
        json: (await response.json()) as any,
      };
    },

    async download(imageName: string): Promise<Buffer> {
      const response = await fetch(new URL(`/api/v1/images/i/${imageName}/full`, url), {
        headers: { "accept-encoding": "identity" },
      });
      if (response.status !== 200) throw new Error(`${imageName}: ${response.status}`);
      return Buffer.from(await response.arrayBuffer());
    },

    async close(): Promise<void> {
      await simulator?.stop();
    },
  };
}

/** The image that the node `out` of a finished item made. */
export function outputImage(item: Item): string {
  const [prepared] = item.session.source_prepared_mapping.out ?? [];
  const name = item.session.results[prepared ?? ""]?.image?.image_name;
  if (name === undefined) {
    throw new Error(`Item ${item.item_id} (${item.status}) has no image: ${item.error_message}`);
  }
  return name;
}

/** A batch id that no other test uses. */
export function newBatchId(): string {
  return `conformance-${crypto.randomUUID()}`;
}
