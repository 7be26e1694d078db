import { sha256Of } from "#sha256";
import { findLeaks } from "#tests/support/leaks";
import { pngOfShade } from "#tests/support/uploads";
import { createDraw } from "../schedules/draw";
import type { ApiFront } from "./api-front";
import type { Ledger } from "./ledger";

/** In every prompt and file name, and nowhere that a visitor may see. */
const secretWord = "zanzibarquartz";
const actionTimeoutMs = 15_000;
/** A key of a repeated request is good for a day. */
const patienceMs = 120_000;

/** `idle`: there was nothing to act on. */
type Action = { name: string; run: () => Promise<"idle" | void> };

/** One of several users who work at once: each action is drawn, and what is answered goes into the ledger. */
export function createUser(
  api: ApiFront,
  ledger: Ledger,
  seed: number,
  { backUp, isBusy }: { backUp: () => Promise<boolean>; isBusy: () => Promise<boolean> },
) {
  const draw = createDraw(seed);
  let shade = seed * 10_000;
  let session: string | undefined;
  /** Only this user changes them, so that the order of answers is the order of changes. */
  const own = { uploads: [] as string[], steps: [] as string[], links: [] as string[] };

  const call = (method: "get" | "post", path: string, body: unknown = {}, headers = {}) =>
    within(method === "get" ? api.client().get(path) : api.client().post(path, body, headers));
  const send = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${api.url()}/api/v1${path}`, {
      method,
      signal: AbortSignal.timeout(actionTimeoutMs),
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      }),
    });
    await response.bytes();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
  };
  /** A request with a key is repeated until it is answered: it may have been carried out. */
  const persist = async (path: string, body: unknown) => {
    const headers = { "idempotency-key": crypto.randomUUID() };
    const deadline = performance.now() + patienceMs;
    for (;;) {
      try {
        return await call("post", path, body, headers);
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await Bun.sleep(200);
      }
    }
  };
  const oneOf = <T>(all: Iterable<T>): T | undefined => {
    const list = [...all];
    return list.length === 0 ? undefined : draw.oneOf(list);
  };

  const actions: Action[] = [
    {
      name: "upload",
      run: async () => {
        const bytes = await pngOfShade(shade++);
        const { id } = await within(api.client().upload(bytes, `${secretWord}.png`));
        ledger.uploads.set(id, sha256Of(bytes));
        ledger.trash.set(id, "out");
        own.uploads.push(id);
      },
    },
    {
      name: "step",
      run: async () => {
        // What waits at the end has to be generated within the quiet period.
        if (await isBusy()) return "idle";
        if (session === undefined) {
          const opened = await persist("/generation/sessions", { entry_type: "scratch" });
          session = String(opened["id"]);
          ledger.sessions.add(session);
        }
        const { items } = await call("get", "/models?base=sd-1");
        const model = items.find((each: Record<string, unknown>) => each["usable"]);
        const parameters = {
          model_key: model.key,
          width: 64,
          height: 64,
          steps: 4,
          batch_size: 1 + draw.below(3),
          seed: shade++ * 10,
        };
        const prompt = `a lighthouse, ${secretWord}`;
        const step = await persist(`/generation/sessions/${session}/steps`, { prompt, parameters });
        ledger.steps.add(step["id"]);
        own.steps.push(step["id"]);
        if (draw.chance(0.2)) session = undefined;
      },
    },
    {
      name: "select",
      run: async () => {
        const step = oneOf(own.steps);
        // A request that was not answered may still be carried out, after later ones.
        if (step === undefined || ledger.selections.get(step) === null) return "idle";
        const { items } = await call("get", `/generation/steps/${step}/alternatives`);
        const image = items.find(
          (each: Record<string, any>) => each["photo"]?.retrieval_status === "completed",
        );
        if (!image) return "idle";
        ledger.selections.set(step, null);
        await send("POST", `/generation/steps/${step}/select`, { image_id: image.photo.id });
        ledger.selections.set(step, image.photo.id);
      },
    },
    {
      name: "cancel or retry",
      run: async () => {
        const step = oneOf(ledger.steps);
        if (step === undefined) return "idle";
        await send(
          "POST",
          `/generation/steps/${step}/${draw.chance(0.4) ? "cancel" : "retry"}`,
          {},
        );
      },
    },
    {
      name: "delete or restore",
      run: async () => {
        const photo = oneOf(own.uploads);
        if (photo === undefined || ledger.trash.get(photo) === "unknown") return "idle";
        const goes = ledger.trash.get(photo) !== "in";
        ledger.trash.set(photo, "unknown");
        await (goes
          ? send("DELETE", `/photos/${photo}`)
          : send("POST", `/photos/${photo}/restore`));
        ledger.trash.set(photo, goes ? "in" : "out");
      },
    },
    {
      name: "share",
      run: async () => {
        const photoId = oneOf(own.uploads);
        if (photoId === undefined || ledger.trash.get(photoId) !== "out") return "idle";
        const link = await call("post", "/share", { photo_id: photoId });
        ledger.links.set(link["id"], { key: link["access_key"], photoId, revoked: "no" });
        own.links.push(link["id"]);
      },
    },
    {
      name: "revoke",
      run: async () => {
        const id = oneOf(own.links);
        const link = id === undefined ? undefined : ledger.links.get(id);
        if (link?.revoked !== "no" || draw.chance(0.5)) return "idle";
        link.revoked = "unknown";
        await send("DELETE", `/share/links/${id}`);
        link.revoked = "yes";
      },
    },
    {
      name: "visit",
      run: async () => {
        const link = oneOf(ledger.links.values());
        if (link) ledger.broken.push(...(await visit(api.url(), link)));
      },
    },
    {
      name: "back up",
      run: async () => {
        if (draw.chance(0.9)) return "idle";
        if (await backUp()) ledger.backups += 1;
        else throw new Error("no backup was made");
      },
    },
  ];

  return {
    /** Acts until `isOver`. */
    async work(isOver: () => boolean): Promise<void> {
      while (!isOver()) {
        const { name, run } = draw.oneOf(actions);
        const counts = ledger.actions.get(name) ?? { done: 0, refused: 0 };
        ledger.actions.set(name, counts);
        try {
          if ((await run()) !== "idle") counts.done += 1;
        } catch {
          counts.refused += 1;
        }
        await Bun.sleep(draw.ms(50, 500));
      }
    },
  };
}

/** Looks at a link as a stranger; says what he should not have seen. */
export async function visit(
  url: string,
  link: { key: string; photoId: string; revoked: "no" | "yes" | "unknown" },
): Promise<string[]> {
  // Before the request: one that is revoked meanwhile may still answer.
  const wasRevoked = link.revoked === "yes";
  const broken: string[] = [];
  for (const path of [`/s/${link.key}`, `/api/v1/share/${link.key}`]) {
    const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(actionTimeoutMs) });
    const bytes = Buffer.from(await response.bytes());
    if (wasRevoked && response.ok) broken.push(`a revoked link answers ${response.status}`);
    const leaked = findLeaks(bytes, { "a prompt or a file's name": secretWord });
    broken.push(...leaked.map((what) => `a share link shows ${what}`));
  }
  return broken;
}

async function within<T>(work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("no answer in time")), actionTimeoutMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
