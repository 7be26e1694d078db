import { expect } from "bun:test";
import { examine } from "./examine.ts";
import { type Model } from "./target.ts";

await examine((target, promised, server) => {
  promised("the version answers as JSON without a login", [], async () => {
    const { status, json } = await target.call("GET", "/api/v1/app/version");
    expect(status).toBe(200);
    expect(json.version).toStartWith(`${server.api}.`);
  });

  promised("an unknown GET path is 200 with a page, also below /api", [], async () => {
    for (const path of ["/health", "/api/v2/models", "/api/v1/nothing"]) {
      const { status, headers } = await target.call("GET", path);
      expect(status).toBe(200);
      expect(headers.get("content-type")).toStartWith("text/html");
    }
  });

  promised("a POST to an unknown path is 405", [], async () => {
    const { status, json } = await target.call("POST", "/api/v1/nothing", {});
    expect(status).toBe(405);
    expect(json).toEqual({ detail: "Method Not Allowed" });
  });

  promised("the OpenAPI document lists the schedulers", [], async () => {
    const { json } = await target.call("GET", "/openapi.json");
    const { scheduler } = json.components.schemas.DenoiseLatentsInvocation.properties;
    expect(scheduler.enum).toHaveLength(31);
    expect(scheduler.enum).toContain("dpmpp_2m_k");
  });

  promised("the model list filters by type and base", ["sd-1/main", "sdxl/main"], async () => {
    const { json } = await target.call("GET", "/api/v2/models/?model_type=main");
    const models = json.models as Model[];
    expect(models.map(({ type }) => type)).not.toContain("lora");
    expect(models.map(({ base }) => base)).toEqual(expect.arrayContaining(["sd-1", "sdxl"]));
    const { json: narrow } = await target.call(
      "GET",
      "/api/v2/models/?model_type=main&base_models=sdxl",
    );
    expect(new Set((narrow.models as Model[]).map(({ base }) => base))).toEqual(new Set(["sdxl"]));
  });

  promised("a model answers by key and by hash with its defaults", ["sd-1/main"], async () => {
    const model = await target.findModel("sd-1", "main");
    expect(model.hash).toStartWith("blake3:");
    const byKey = await target.call("GET", `/api/v2/models/i/${model.key}`);
    expect(byKey.json.name).toBe(model.name);
    expect(byKey.json.default_settings.width).toBe(512);
    const byHash = await target.call(
      "GET",
      `/api/v2/models/get_by_hash?hash=${encodeURIComponent(model.hash)}`,
    );
    expect(byHash.json.hash).toBe(model.hash);
  });

  promised("an unknown model key is 404", [], async () => {
    const { status } = await target.call("GET", "/api/v2/models/i/nobody");
    expect(status).toBe(404);
  });

  promised("a long answer is gzipped for clients that accept it", [], async () => {
    const response = await fetch(new URL("/api/v2/models/", target.url), {
      headers: { ...target.login, "accept-encoding": "gzip" },
      decompress: false,
    } as RequestInit);
    await response.arrayBuffer();
    expect(response.headers.get("content-encoding")).toBe("gzip");
    const plain = await fetch(new URL("/api/v2/models/", target.url), {
      headers: { ...target.login, "accept-encoding": "identity" },
    });
    await plain.arrayBuffer();
    expect(plain.headers.get("content-encoding")).toBeNull();
  });
});
