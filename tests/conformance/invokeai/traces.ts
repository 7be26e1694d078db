import type { Answer, BatchStatus, Item } from "./target.ts";

type Server = {
  call: (method: string, path: string, body?: unknown) => Promise<Answer>;
  batchStatus: (batchId: string) => Promise<BatchStatus>;
};

const queue = "/api/v1/queue/default";
const drainMs = 5_000;

/**
 * Removes these batches, their pictures, and these pictures and boards: by name, so that other users' data is not
 * touched.
 * @throws Error when a batch or a picture is still there
 */
export async function removeTraces(
  server: Server,
  made: Record<"batchIds" | "pictures" | "boardIds", ReadonlySet<string>>,
): Promise<void> {
  const { call, batchStatus } = server;
  const batchIds: string[] = [];
  for (const id of made.batchIds) if ((await batchStatus(id)).total > 0) batchIds.push(id);
  if (batchIds.length > 0) {
    await call("PUT", `${queue}/cancel_by_batch_ids`, { batch_ids: batchIds });
  }
  const pictures = new Set(made.pictures);
  for (const batchId of batchIds) {
    for (const name of await drawnBy(server, batchId)) pictures.add(name);
    await call("DELETE", `${queue}/d/${batchId}`);
  }
  if (pictures.size > 0)
    await call("POST", "/api/v1/images/delete", { image_names: [...pictures] });

  for (const id of made.boardIds) {
    const { status } = await call("DELETE", `/api/v1/boards/${id}`);
    if (status !== 200) throw new Error(`The board ${id} is still there.`);
  }
  for (const id of batchIds) {
    if ((await batchStatus(id)).total > 0) throw new Error(`The batch ${id} is still there.`);
  }
  for (const name of pictures) {
    const { status } = await call("GET", `/api/v1/images/i/${name}`);
    if (status !== 404) throw new Error(`The picture ${name} is still there.`);
  }
}

/** The pictures of a batch's items, also of an item that is being stopped. */
async function drawnBy({ call }: Server, batchId: string): Promise<string[]> {
  const deadline = Date.now() + drainMs;
  for (;;) {
    const { status, json } = await call("GET", `${queue}/list_all?destination=${batchId}`);
    // Items that cannot be loaded have no pictures.
    if (status !== 200) return [];
    const items = json as Item[];
    if (!items.some(isStopping) || Date.now() > deadline) {
      return items.flatMap(picturesOf);
    }
    await Bun.sleep(50);
  }
}

/** The pictures of an item, including those of helper nodes. */
export function picturesOf({ session }: Item): string[] {
  return Object.values(session.results).flatMap(({ image }) => image?.image_name ?? []);
}

function isStopping({ status, started_at, session }: Item): boolean {
  const isCut = status === "canceled" && Boolean(started_at);
  return isCut && Object.keys(session.results).length === 0;
}
