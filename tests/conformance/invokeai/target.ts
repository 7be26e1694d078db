import { io, type Socket } from "socket.io-client";
import { blankGraph } from "./graphs.ts";
import { logIn, type TestedServer } from "./servers.ts";
import { picturesOf, removeTraces } from "./traces.ts";

export type Model = {
  key: string;
  hash: string;
  name: string;
  base: string;
  type: string;
  format: string;
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
// A real server generates, and loads models before, at the speed of its machine.
const deadlineMs = Bun.env.GALLERY_TEST_INVOKEAI_URL === undefined ? 60_000 : 300_000;

export type SeenEvent = { name: string; payload: Record<string, unknown> };

/** Opens a server; `close` removes all that was created through it. */
export async function openTarget(server: TestedServer) {
  const { url, close } = await server.open();
  const token = server.capabilities.has("accounts") ? await logIn(url, server.account) : undefined;
  const login: Record<string, string> =
    token === undefined ? {} : { authorization: `Bearer ${token}` };
  const batchIds = new Set<string>();
  const pictures = new Set<string>();
  const boardIds = new Set<string>();

  async function call(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(new URL(path, url), {
      method,
      headers: {
        ...login,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
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
    /** The headers of every request. */
    login,
    token,
    call,
    batchStatus,
    until,

    /** The batch id is also the destination: only by it can its items be found again. */
    enqueue(batch: { batch_id: string } & Record<string, unknown>, prepend = false) {
      batchIds.add(batch.batch_id);
      const sent = { runs: 1, destination: batch.batch_id, ...batch };
      return call("POST", `${queue}/enqueue_batch`, { prepend, batch: sent });
    },

    /** The items of a batch, oldest first, once all have ended. */
    async finishedItems(batchId: string): Promise<Item[]> {
      await until(
        () => batchStatus(batchId),
        ({ pending, in_progress, total }) => total > 0 && pending + in_progress === 0,
      );
      const items = (await call("GET", `${queue}/list_all?destination=${batchId}`)).json as Item[];
      const ours = items.filter((item) => item.batch_id === batchId);
      // Recorded now, because a test may delete the items that name them.
      for (const name of ours.flatMap(picturesOf)) pictures.add(name);
      return ours;
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
        headers: login,
        body: form,
      });
      // oxlint-disable-next-line typescript/no-explicit-any
      const json = (await response.json()) as any;
      if (response.status === 201) pictures.add(json.image_name as string);
      return { status: response.status, headers: response.headers, json };
    },

    async makeBoard(name: string): Promise<Answer> {
      const answer = await call("POST", `/api/v1/boards/?board_name=${encodeURIComponent(name)}`);
      boardIds.add(answer.json.board_id as string);
      return answer;
    },

    async download(imageName: string): Promise<Buffer> {
      const response = await fetch(new URL(`/api/v1/images/i/${imageName}/full`, url), {
        headers: { ...login, "accept-encoding": "identity" },
      });
      if (response.status !== 200) throw new Error(`${imageName}: ${response.status}`);
      return Buffer.from(await response.arrayBuffer());
    },

    /** Connects and collects every event; `subscribe` false leaves out the queue subscription. */
    async listen({ subscribe = true } = {}): Promise<{ socket: Socket; seen: SeenEvent[] }> {
      const socket = io(url, {
        path: "/ws/socket.io",
        transports: ["websocket"],
        extraHeaders: login,
        forceNew: true,
        reconnection: false,
      });
      const seen: SeenEvent[] = [];
      socket.onAny((name: string, payload: Record<string, unknown>) =>
        seen.push({ name, payload }),
      );
      await new Promise<void>((resolve, reject) => {
        socket.once("connect", resolve);
        socket.once("connect_error", reject);
      });
      if (subscribe) socket.emit("subscribe_queue", { queue_id: "default" });
      return { socket, seen };
    },

    /** Waits until a socket has received all earlier events: the end of another batch comes after them. */
    async eventsUpToNow(socket: Socket): Promise<void> {
      const marker = newBatchId();
      const heard = new Promise<void>((resolve) =>
        socket.on("queue_item_status_changed", ({ batch_id, status }) => {
          if (batch_id === marker && status === "completed") resolve();
        }),
      );
      socket.emit("subscribe_queue", { queue_id: "default" });
      await this.enqueue({ batch_id: marker, graph: blankGraph() });
      await heard;
    },

    /** @throws when anything that this target created is still on the server afterwards */
    async close(): Promise<void> {
      try {
        await removeTraces({ call, batchStatus }, { batchIds, pictures, boardIds });
      } finally {
        await close();
      }
    },
  };
}

/** The image of node `out` in a finished item. */
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
