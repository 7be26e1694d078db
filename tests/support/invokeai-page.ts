import { until } from "./wait";

type Drawing = { prompt: string; color: { r: number; g: number; b: number } };
let drawn = 0;

/** A drawing that no other has. */
export function nextDrawing(prompt = "a windmill"): Drawing {
  drawn += 1;
  return { prompt, color: { r: drawn % 256, g: Math.floor(drawn / 256) % 256, b: 90 } };
}

/** What a person does on InvokeAI's own page, by the routes that the page calls. */
export function createInvokeAiPage(baseUrl: string) {
  async function call(method: string, path: string, body?: unknown): Promise<any> {
    const response = await fetch(`${baseUrl}/api/v1${path}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
    return response.json();
  }

  const names = async (): Promise<string[]> =>
    (await call("GET", "/images/names?is_intermediate=false&starred_first=false")).image_names;

  async function enqueue({ prompt, color }: Drawing, boardId?: string): Promise<void> {
    await call("POST", "/queue/default/enqueue_batch", {
      batch: {
        origin: "generate",
        runs: 1,
        graph: {
          id: crypto.randomUUID(),
          nodes: {
            meta: {
              id: "meta",
              type: "core_metadata",
              generation_mode: "txt2img",
              positive_prompt: prompt,
              seed: 5,
            },
            out: {
              id: "out",
              type: "blank_image",
              width: 64,
              height: 64,
              mode: "RGB",
              color: { ...color, a: 255 },
              is_intermediate: false,
              use_cache: false,
              ...(boardId !== undefined && { board: { board_id: boardId } }),
            },
          },
          edges: [
            {
              source: { node_id: "meta", field: "metadata" },
              destination: { node_id: "out", field: "metadata" },
            },
          ],
        },
      },
    });
  }

  return {
    names,
    enqueue,
    /** Draws pictures; returns their names, in any order. */
    async draw(drawings: Drawing[], boardId?: string): Promise<string[]> {
      const before = new Set(await names());
      for (const drawing of drawings) await enqueue(drawing, boardId);
      return until("pictures that are drawn", async () => {
        const added = (await names()).filter((name) => !before.has(name));
        return added.length === drawings.length && added;
      });
    },
    async bytesOf(name: string): Promise<Uint8Array> {
      return (await fetch(`${baseUrl}/api/v1/images/i/${name}/full`)).bytes();
    },
    /** Uploads a picture to its gallery; returns its name. */
    async upload(bytes: Uint8Array): Promise<string> {
      const form = new FormData();
      form.append("file", new File([new Uint8Array(bytes)], "a.png", { type: "image/png" }));
      const path = "/api/v1/images/upload?image_category=user&is_intermediate=false";
      const response = await fetch(`${baseUrl}${path}`, { method: "POST", body: form });
      return ((await response.json()) as { image_name: string }).image_name;
    },
    /** Deletes every picture that was uploaded; returns how many there were. */
    async deleteUploads(): Promise<number> {
      const { items } = await call("GET", "/images/?image_origin=external&limit=200");
      for (const { image_name: name } of items) await call("DELETE", `/images/i/${name}`);
      return items.length;
    },
    star: (name: string, starred = true) => call("PATCH", `/images/i/${name}`, { starred }),
    delete: (name: string) => call("DELETE", `/images/i/${name}`),
    makeBoard: async (name: string): Promise<string> =>
      (await call("POST", `/boards/?board_name=${encodeURIComponent(name)}`)).board_id,
    renameBoard: (id: string, name: string) => call("PATCH", `/boards/${id}`, { board_name: name }),
    deleteBoard: (id: string) => call("DELETE", `/boards/${id}`),
    putOnBoard: (name: string, id: string) =>
      call("POST", "/board_images/", { board_id: id, image_name: name }),
  };
}
