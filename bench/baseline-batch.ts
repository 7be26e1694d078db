import { answerScript } from "./script";

type Work = { invokeaiUrl: string; batchId: string; images: number };
type Item = { session: { graph: unknown }; field_values: { node_path: string }[] };
type Counters = { total: number; completed: number; failed: number; canceled: number };

const queue = "api/v1/queue/default";
const pollMs = 50;

/**
 * Sends the graph of an existing batch again and polls until it has ended: InvokeAI alone. New seeds keep the nodes
 * out of the cache.
 * @returns milliseconds
 */
async function run({ invokeaiUrl, batchId, images }: Work): Promise<number> {
  const call = async <T>(path: string, init?: RequestInit): Promise<T> => {
    const response = await fetch(new URL(path, `${invokeaiUrl.replace(/\/$/, "")}/`), init);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json() as Promise<T>;
  };
  const items = await call<Item[]>(`${queue}/list_all?destination=${batchId}`);
  const [first] = items;
  if (!first) throw new Error("InvokeAI no longer has the batch");
  const id = crypto.randomUUID();
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1;
  const numbers = Array.from({ length: images }, (_, at) => at);
  const nodes = first.field_values.map(({ node_path }) => node_path);
  const data = nodes.map((node_path) => ({
    node_path,
    field_name: "value",
    items: numbers.map((at) => (node_path === "seed" ? seed + at : at)),
  }));
  const batch = {
    batch_id: id,
    destination: id,
    runs: 1,
    data: [data],
    graph: first.session.graph,
  };
  const startedAt = performance.now();
  await call(`${queue}/enqueue_batch`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ prepend: false, batch }),
  });
  for (;;) {
    const now = await call<Counters>(`${queue}/b/${id}/status`);
    if (now.failed + now.canceled > 0) throw new Error("the baseline batch failed");
    if (now.completed === now.total) return performance.now() - startedAt;
    await Bun.sleep(pollMs);
  }
}

await answerScript(run);
