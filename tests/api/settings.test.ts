import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { putInForce } from "#db/queries/backends/in-force";
import { backends } from "#db/schema/backends";
import { settings } from "#db/schema/settings";
import { type Body, createTestApi } from "#tests/support/api";
import { insertModel } from "#tests/support/rows";

const api = await createTestApi({
  RETRIEVAL_MAX_ATTEMPTS: "7",
  RUNPOD_IDLE_TIMEOUT: "45",
  INVOKEAI_LOCAL_URL: "http://me:marker-password@gpu.lan:9090/",
  MAX_BATCH_SIZE: "6",
});
const { db } = api.deps.database;

afterEach(async () => void (await db.delete(settings)));
afterAll(() => api.close());

async function get(): Promise<Body> {
  const [status, body] = await api.call("GET", "/settings");
  expect(status).toBe(200);
  return body;
}

const patch = (body: unknown) => api.call("PATCH", "/settings", body);

const pathsOf = (body: Body) => body.error.details.errors.map((fault: Body) => fault.path);

describe("settings", () => {
  test("a scheduler that no base supports is 400, and the message lists the supported ones", async () => {
    for (const scheduler of ["flow_match", "Euler", "euler ", "", 5, null]) {
      const [status, body] = await patch({ generation: { default_scheduler: scheduler } });
      expect({ scheduler, status }).toEqual({ scheduler, status: 400 });
      const [{ path, message }] = body.error.details.errors;
      expect(path).toBe("generation.default_scheduler");
      for (const known of ["euler", "dpmpp_3m_k", "lcm"]) expect(message).toContain(known);
    }
    const [status, body] = await patch({ generation: { default_scheduler: "dpmpp_2m_sde_k" } });
    expect([status, body.generation.default_scheduler]).toEqual([200, "dpmpp_2m_sde_k"]);
  });

  test("unchanged settings come from the environment if it has a variable, and no login is returned", async () => {
    const all = await get();
    expect(all.retrieval.max_attempts).toBe(7);
    expect(all.backend).toMatchObject({
      mode: "local",
      local_url: "http://gpu.lan:9090",
      idle_timeout_minutes: 45,
      max_session_cost_usd: 5,
      max_month_cost_usd: 25,
      gpu_types: ["NVIDIA RTX A5000"],
    });
    expect(all.library).toEqual({ trash_retention_days: 30, read_embedded_texts: true });
    expect(all.cost_tracking).toEqual({
      current_session_cost: 0,
      month_cost: 0,
      lifetime_usage_hours: 0,
      lifetime_cost: 0,
    });
    expect(JSON.stringify(all)).not.toContain("marker-password");
  });

  test("any subset can be changed, and the rest is kept", async () => {
    const before = await get();
    const [status, after] = await patch({
      generation: {
        default_steps: 12,
        aspect_ratios: [{ name: " wide ", width: 768, height: 512 }],
      },
      backend: { local_url: "http://other.lan:9090/", max_session_cost_usd: 2.5 },
      library: { trash_retention_days: 3 },
    });
    expect(status).toBe(200);
    expect(after).toEqual({
      ...before,
      generation: {
        ...before.generation,
        default_steps: 12,
        aspect_ratios: [{ name: "wide", width: 768, height: 512 }],
      },
      backend: { ...before.backend, local_url: "http://other.lan:9090", max_session_cost_usd: 2.5 },
      library: { trash_retention_days: 3, read_embedded_texts: true },
    });
    expect(await get()).toEqual(after);
    const [, again] = await patch({ backend: { max_session_cost_usd: null } });
    expect(again.backend.max_session_cost_usd).toBeNull();
  });

  test("with one fault nothing is changed", async () => {
    const before = await get();
    const refused: [object, string][] = [
      [{ library: { trash_retention_days: 0 } }, "library.trash_retention_days"],
      [{ retrieval: { max_attempts: "many" } }, "retrieval.max_attempts"],
      [{ generation: { default_batch_size: 7 } }, "generation.default_batch_size"],
      [{ generation: { default_steps: 2.5 } }, "generation.default_steps"],
      [{ backend: { local_url: "http://me:secret@gpu.lan" } }, "backend.local_url"],
      [{ backend: { local_url: "file:///etc" } }, "backend.local_url"],
      [{ backend: { runpod_api_key: "rpa_1" } }, "backend.runpod_api_key"],
      [{ cost_tracking: { lifetime_cost: 0 } }, "cost_tracking"],
      [{ colours: {} }, "colours"],
      [{ backend: { mirror: { boards: ["Windmills", "  "] } } }, "backend.mirror.boards.1"],
      [
        { generation: { allowed_node_types: ["esrgan", "prompt_from_file"] } },
        "generation.allowed_node_types.1",
      ],
    ];
    for (const [fault, path] of refused) {
      const [status, body] = await patch({ retrieval: { retry_delay_seconds: 9 }, ...fault });
      expect([path, status]).toEqual([path, 400]);
      expect(pathsOf(body)).toContain(path);
    }
    const [, { error }] = await patch({ backend: { local_url: "file:///etc" } });
    expect(error.details.errors[0].message).toContain("such as http://127.0.0.1:9090");
    expect((await patch({}))[0]).toBe(400);
    const [status, body] = await patch({
      library: { trash_retention_days: 4 },
      backend: { mode: "remote" },
    });
    expect([status, body.error.code]).toEqual([409, "pod_error"]);
    expect(await get()).toEqual(before);
  });

  test("GPU types are stored by their ids, and an unknown one is 400 with the nearest names", async () => {
    const [status, { backend }] = await patch({
      backend: { gpu_types: ["NVIDIA A5000", "rtx 4090", "NVIDIA RTX A5000"] },
    });
    expect(status).toBe(200);
    expect(backend.gpu_types).toEqual(["NVIDIA RTX A5000", "NVIDIA GeForce RTX 4090"]);
    const [refused, body] = await patch({ backend: { gpu_types: ["L4", "NVIDIA A5500"] } });
    expect([refused, pathsOf(body)]).toEqual([400, ["backend.gpu_types.1"]]);
    expect(body.error.details.errors[0].message).toContain("NVIDIA RTX A4500");
  });

  test("models of a pod are sources of InvokeAI's installer, each once", async () => {
    const models = ["Lykon/dreamshaper-8", " Lykon/dreamshaper-8", "https://example.org/a"];
    const [status, { backend }] = await patch({ backend: { models } });
    expect([status, backend.models]).toEqual([200, [models[0], models[2]]]);
    const [refused, body] = await patch({ backend: { models: [models[0], "/srv/a.safetensors"] } });
    expect([refused, pathsOf(body)]).toEqual([400, ["backend.models.1"]]);
  });

  test("a row of another version that this one cannot read counts as not changed", async () => {
    await db.insert(settings).values([
      { name: "library.trash_retention_days", value: "a fortnight" },
      { name: "library.colour", value: 1 },
    ]);
    expect((await get()).library).toEqual({ trash_retention_days: 30, read_embedded_texts: true });
  });

  test("the backend's status has the URL in force", async () => {
    await patch({ backend: { local_url: "http://other.lan:9090" } });
    const status = (await (await api.request("/api/v1/backend/status")).json()) as Body;
    expect(status.url).toBe("http://other.lan:9090");
  });

  test("the backend's status is that of the place in force, without a URL for a rented one", async () => {
    await db.transaction((tx) => putInForce(tx, "volume:v1"));
    await db
      .update(backends)
      .set({ lastError: "No GPU is rented." })
      .where(eq(backends.inForce, true));
    await db.insert(settings).values({ name: "backend.mode", value: "remote" });
    const status = (await (await api.request("/api/v1/backend/status")).json()) as Body;
    expect(status).toEqual({
      mode: "remote",
      connected: false,
      queue: { pending: 0, in_progress: 0 },
      last_error: "No GPU is rented.",
    });
    await db.transaction((tx) => putInForce(tx, "local"));
  });
});

describe("a step with omitted parameters", () => {
  const defaults = { width: 512, height: 512, steps: 30, cfgScale: 7.5, scheduler: "euler" };

  async function parametersOf(modelKey: string): Promise<Body> {
    const session = (await (
      await api.postJson("/api/v1/generation/sessions", { entry_type: "scratch" })
    ).json()) as Body;
    const answer = await api.postJson(`/api/v1/generation/sessions/${session.id}/steps`, {
      prompt: "a lighthouse",
      parameters: { model_key: modelKey },
    });
    expect(answer.status).toBe(202);
    return ((await answer.json()) as Body).parameters;
  }

  test("uses the model's defaults, then the owner's settings, then the base's defaults", async () => {
    const plain = await insertModel(db, { defaults: { ...defaults, own: [] } });
    const tuned = await insertModel(db, { defaults: { ...defaults, steps: 24, own: ["steps"] } });
    expect(await parametersOf(plain.key)).toMatchObject({
      steps: 30,
      cfg_scale: 7.5,
      batch_size: 1,
    });
    await patch({
      generation: {
        default_steps: 11,
        default_cfg_scale: 5,
        default_scheduler: "ddim",
        default_batch_size: 3,
      },
    });
    const chosen = { cfg_scale: 5, scheduler: "ddim", batch_size: 3 };
    expect(await parametersOf(plain.key)).toMatchObject({ ...chosen, steps: 11 });
    expect(await parametersOf(tuned.key)).toMatchObject({ ...chosen, steps: 24 });
  });

  test("uses the model's default VAE while it is available", async () => {
    const vae = await insertModel(db, { type: "vae", accepts: null, defaults: null });
    const withVae = { ...defaults, vaeKey: vae.key };
    const model = await insertModel(db, { defaults: withVae });
    expect((await parametersOf(model.key)).vae_key).toBe(vae.key);
    const shown = (await (await api.request(`/api/v1/models/${model.key}`)).json()) as Body;
    expect(shown.compatible_vae).toContainEqual({
      key: vae.key,
      hash: vae.hash,
      name: vae.name,
      is_default: true,
    });
    const gone = await insertModel(db, { defaults: { ...defaults, vaeKey: "gone" } });
    expect((await parametersOf(gone.key)).vae_key).toBeUndefined();
  });

  test("uses the base's own scheduler if the base does not support that of the settings", async () => {
    const model = await insertModel(db, { defaults: { ...defaults, own: [] } });
    await patch({ generation: { default_scheduler: "lms" } });
    expect((await parametersOf(model.key)).scheduler).toBe("euler");
  });
});
