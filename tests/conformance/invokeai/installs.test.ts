import { expect } from "bun:test";
import { examine } from "./examine.ts";

const path = "/api/v2/models/install";

type Job = { id: number; status: string; source: Record<string, unknown>; error_reason?: string };

await examine((target, promised) => {
  /** Refused by the installer itself, so that no server outside is called. */
  const newSource = () => `http://127.0.0.1:9/${crypto.randomUUID()}.safetensors`;
  const install = (source: string, more = "") =>
    target.call("POST", `${path}?source=${encodeURIComponent(source)}${more}`, {});
  const ended = (id: number) =>
    target.until(
      async () => (await target.call("GET", `${path}/${id}`)).json as Job,
      ({ status }) => ["completed", "error", "cancelled"].includes(status),
    );

  promised("models are offered with source, base and type, and in sets", [], async () => {
    const { status, json } = await target.call("GET", "/api/v2/models/starter_models");
    expect(status).toBe(200);
    expect(json.starter_models.length).toBeGreaterThan(0);
    for (const model of json.starter_models) {
      expect(model).toMatchObject({
        name: expect.any(String),
        source: expect.any(String),
        base: expect.any(String),
        type: expect.any(String),
        is_installed: expect.any(Boolean),
      });
    }
    expect(Object.keys(json.starter_bundles)).toEqual(expect.arrayContaining(["sd-1", "sdxl"]));
    const [bundle] = Object.values<{ models?: object[] } | object[]>(json.starter_bundles);
    const models = Array.isArray(bundle) ? bundle : bundle?.models;
    expect(models?.[0]).toHaveProperty("source");
  });

  promised("an unknown job is 404 as JSON, and a cancel of it 415", [], async () => {
    const unknown = await target.call("GET", `${path}/987654321`);
    expect([unknown.status, typeof unknown.json]).toEqual([404, "object"]);
    expect((await target.call("DELETE", `${path}/987654321`)).status).toBe(415);
  });

  promised(
    "an install is answered with its job; a private address ends it with the class of the error",
    ["alone"],
    async () => {
      const source = newSource();
      const { status, json } = await install(source);
      expect(status).toBe(201);
      expect([typeof json.id, json.source.url]).toEqual(["number", source]);
      expect(await ended(json.id)).toMatchObject({
        status: "error",
        error_reason: "UnsafeDownloadURLException",
      });
    },
  );

  promised("the same source twice makes two jobs, and both are listed", ["alone"], async () => {
    const source = newSource();
    const [one, two] = [await install(source), await install(source)];
    expect(two.json.id).not.toBe(one.json.id);
    const jobs = (await target.call("GET", path)).json as Job[];
    const ours = jobs.filter((job) => job.source["url"] === source).map(({ id }) => id);
    expect(ours).toEqual([one.json.id, two.json.id]);
    for (const id of ours) await ended(id);
  });

  promised("a job repeats the access token that it was given", ["alone"], async () => {
    const { json } = await install(newSource(), "&access_token=conformance");
    expect((await ended(json.id)).source["access_token"]).toBe("conformance");
  });

  promised("an install needs a login where there are accounts", ["accounts"], async () => {
    const url = new URL(`${path}?source=${encodeURIComponent(newSource())}`, target.url);
    const headers = { "content-type": "application/json" };
    const { status } = await fetch(url, { method: "POST", headers, body: "{}" });
    expect(status).toBe(401);
  });
});
