import { sha256Of } from "#sha256";
import { paint } from "#simulators/invokeai/paint";
import { createSimulatorControl } from "#simulators/invokeai/control-client";
import { createApiClient } from "#stack/demo/client";
import { chooseModel, type Photo } from "#stack/demo/steps";
import { waitFor } from "#stack/wait";
import { type Project, type Service, services } from "./project";

/** The owner of a gallery in containers, who remembers the photos that were acknowledged. */
export type Owner = Awaited<ReturnType<typeof createOwner>>;

type Step = { status: string; retrieval_status: { total: number; completed: number } };
type Stored = Photo & { content_hash: string; is_generated: boolean };
type Drawn = { batchId: string; seed: number | null };

const patienceMs = 180_000;

export async function createOwner(project: Project) {
  const { API_TOKEN: token } = await project.secrets();
  const headers = { authorization: `Bearer ${token}` };
  const api = createApiClient(project.baseUrl, headers);
  const invokeai = createSimulatorControl(project.simulatorUrl);
  /** By the id of an uploaded photo: the SHA-256 of what was sent. */
  const sent = new Map<string, string>();
  let uploads = 0;
  let generatedPhotos = 0;

  const wait = <T>(what: string, ask: () => Promise<T | undefined>, timeoutMs = patienceMs) => {
    let last = "";
    // Whatever is away answers with an error: the last one explains a wait in vain.
    const quietly = () => ask().catch((error: Error) => void (last = error.message));
    return waitFor(async () => (await quietly()) ?? undefined, {
      timeoutMs,
      everyMs: 250,
      onTimeout: () => new Error(`waited ${timeoutMs / 1_000} s in vain for ${what}. ${last}`),
    });
  };

  const owner = {
    api,
    headers,
    invokeai,
    wait,

    async upload(): Promise<Photo> {
      const size = { width: 256, height: 256 };
      const bytes = await paint({ prompt: "a photo", seed: uploads++, ...size });
      const form = new FormData();
      form.append("file", new File([new Uint8Array(bytes)], "photo.png", { type: "image/png" }));
      const photo = await api.call<Photo>("POST", "/photos", form);
      sent.set(photo.id, sha256Of(bytes));
      return photo;
    },

    /** A picture. */
    fetch: (path: string) =>
      fetch(`${project.baseUrl}/api/v1${path}`, {
        headers: { ...headers, accept: "image/*" },
        signal: AbortSignal.timeout(30_000),
      }),

    /**
     * Requests a step of four images and returns once InvokeAI draws the first.
     * @param stepMs time of each of its 20 denoising steps
     */
    async startStep(stepMs: number): Promise<string> {
      await owner.wait("InvokeAI's simulator", () =>
        invokeai.setStepDelay(stepMs).then(() => true),
      );
      const model = await chooseModel(api);
      const session = await api.call<{ id: string }>("POST", "/generation/sessions", {
        entry_type: "scratch",
      });
      const step = await api.call<{ id: string }>(
        "POST",
        `/generation/sessions/${session.id}/steps`,
        {
          prompt: "a harbour in the rain",
          parameters: {
            model_key: model.key,
            batch_size: 4,
            width: 128,
            height: 128,
            steps: 20,
          },
        },
      );
      await wait("an image that is being generated", async () => {
        const { queue } = await invokeai.state();
        return queue.inProgress > 0 || undefined;
      });
      return step.id;
    },

    async finishStep(stepId: string): Promise<void> {
      const path = `/generation/steps/${stepId}/status`;
      const step = await wait("the end of the step", async () => {
        const state = await api.call<Step>("GET", path);
        const { total, completed } = state.retrieval_status;
        const isDone = state.status === "completed" && completed === total;
        return isDone || /failed|cancelled/.test(state.status) ? state : undefined;
      });
      if (step.status !== "completed") throw new Error(`the step ended as ${step.status}`);
    },

    /** Waits until every service is healthy and the API finds every part. */
    async waitUntilWell(): Promise<void> {
      for (const service of services) {
        await wait(`a healthy ${service}`, async () => {
          const state = await project.inspect(
            service,
            "{{.State.Status}} {{.State.Health.Status}}",
          );
          if (state === "running healthy") return true;
          throw new Error(state);
        });
      }
      await wait("an API that finds every part", async () => {
        const answer = await fetch(`${project.baseUrl}/health/ready`, { headers });
        const state = await answer.text();
        if ((JSON.parse(state) as { status: string }).status === "ok") return true;
        throw new Error(state);
      });
    },

    /** @throws Error unless every photo is there with its bytes, and no image was generated twice or lost */
    async checkPhotos(): Promise<void> {
      const photos = await listPhotos(api);
      const lost = [...sent.keys()].filter((id) => !photos.some((photo) => photo.id === id));
      if (lost.length > 0) throw new Error(`${lost.length} uploaded photos are gone`);
      for (const { id } of photos) {
        const bytes = await (await owner.fetch(`/photos/${id}`)).bytes();
        const { content_hash: known } = await api.call<Stored>("GET", `/photos/${id}`);
        const hash = sha256Of(bytes);
        if (hash !== known || hash !== (sent.get(id) ?? known)) {
          throw new Error(`the bytes of photo ${id} differ`);
        }
      }
      const drawn = await readJournal(project);
      // A batch's id is that of its step and the number of the attempt.
      const slots = drawn.map(({ batchId, seed }) => `${batchId.replace(/-\d+$/, "")} ${seed}`);
      const twice = slots.filter((slot, index) => slots.indexOf(slot) !== index);
      if (twice.length > 0) throw new Error(`generated twice: ${twice.join(", ")}`);
      generatedPhotos = photos.filter((photo) => photo.is_generated).length;
      if (generatedPhotos !== drawn.length) {
        throw new Error(`${drawn.length} images were generated, ${generatedPhotos} are photos`);
      }
    },

    counts: () => `${sent.size} uploaded and ${generatedPhotos} generated photos`,
    startedAt: (service: Service) => project.inspect(service, "{{.State.StartedAt}}"),
  };
  return owner;
}

async function listPhotos(api: ReturnType<typeof createApiClient>): Promise<Stored[]> {
  const photos: Stored[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const query: string = cursor === "" ? "" : `&cursor=${cursor}`;
    const page: { items: Stored[]; next_cursor: string | null } = await api.call(
      "GET",
      `/photos?limit=100&total=false${query}`,
    );
    photos.push(...page.items);
    cursor = page.next_cursor;
  }
  return photos;
}

/** Every picture that InvokeAI has drawn, over all its restarts. */
async function readJournal(project: Project): Promise<Drawn[]> {
  const read = ["sh", "-c", "cat /data/journal || true"];
  const text = await project.compose("exec", "-T", "invokeai-simulator", ...read);
  const lines = text.split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Drawn);
}
