import { afterAll, expect, test } from "bun:test";
import { plain } from "#tests/fixtures/pictures";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

// oxlint-disable-next-line typescript/no-explicit-any -- tests read response bodies as an untyped client does
type Body = any;

const { stack, gallery } = await startGallery();

afterAll(() => stack.stop(), 30_000);

const named = (name: string, type = "main") =>
  until(`the ${type} ${name}`, async () => {
    const { items } = await gallery.get(`/models?type=${type}&q=${encodeURIComponent(name)}`);
    return items.find((model: Body) => model.is_available);
  });

test("each base generates from text and from an image, and the photo records all parameters that were used", async () => {
  const source = await gallery.upload(await plain(160, 120, "#a63").png().toBuffer());
  const cases: [string, object][] = [
    ["Tidewater v2", { clip_skip: 20 }],
    ["Northern Atlas XL", { vae: "XL Clear VAE", lora: "Film Grain XL" }],
    ["Harbour Dev", { guidance: 3.5, lora: "Rain Lines" }],
    ["Harbour Quick", {}],
    ["Glass Orchard 3.5", { cfg_scale: 4.5 }],
    ["Paper Lantern CV4", {}],
    ["Lantern Turbo Z", { scheduler: "heun", lora: "Linocut for z-image" }],
    ["Garden Q", { lora: "Linocut for qwen-image" }],
    ["Klein Harbour", { lora: "Linocut for flux2" }],
    ["Klein Harbour 9B GGUF", { needs: ["vae_key", "qwen3_encoder_key"] }],
    ["Klein Harbour Dev", { guidance: 3 }],
    ["Klein Harbour Dev GGUF", { needs: ["vae_key", "mistral_encoder_key"] }],
    ["Lantern Z GGUF", { needs: ["component_source_key"] }],
    ["Garden Q GGUF", { needs: ["component_source_key"] }],
    ["Garden Q Edit", {}],
    [
      "Paper Doll Anima",
      { scheduler: "er_sde", lora: "Linocut for anima", needs: ["qwen3_encoder_key"] },
    ],
    ["Quick Chalk", { lora: "Linocut for krea-2" }],
    ["Quick Chalk GGUF", { needs: ["vae_key", "qwen3_vl_encoder_key"] }],
    ["Far Sails 14B", { lora: "Linocut for wan" }],
    ["Harbour Kontext", { fromText: true }],
    ["Clay Turbo", { fromText: true }],
    ["Poster Press", { scheduler: "V4_TURBO_12", fromText: true }],
  ];
  const session = await gallery.createSession();
  const steps: [Body, string][] = [];
  for (const [name, { vae, lora, needs = [], fromText, ...more }] of cases as [string, Body][]) {
    const { key } = await named(name);
    const vae_key = vae && (await named(vae, "vae")).key;
    const loras = lora && [{ model_key: (await named(lora, "lora")).key, weight: 0.6 }];
    const parameters = { model_key: key, batch_size: 1, vae_key, loras, ...more };
    for (const source_image_id of fromText ? [undefined] : [undefined, source.id]) {
      const step = await gallery.requestStep(session.id, { parameters, source_image_id });
      for (const need of needs)
        expect([name, step.parameters[need]]).toEqual([name, expect.any(String)]);
      steps.push([step, name]);
    }
  }
  for (const [{ id, parameters, source_image_id }, name] of steps) {
    const done = await gallery.stepIs(id, ["completed", "failed"]);
    expect([name, done.status, done.error]).toEqual([name, "completed", undefined]);
    await gallery.allRetrieved(id, 1);
    const [{ photo }] = (await gallery.photosOf(id)) as [Body];
    const { model_hash, seed, width, height, steps: count, cfg_scale, scheduler } = parameters;
    const { strength, vae_key, clip_skip, guidance, loras = [] } = parameters;
    const chosen = Object.fromEntries(
      Object.entries(parameters).filter(([field]) => /_(encoder|embed|source)_key$/.test(field)),
    );
    expect(photo.generation_metadata).toMatchObject({
      model_hash,
      seed,
      width,
      height,
      steps: count,
      cfg_scale,
      scheduler,
      ...Object.fromEntries(
        Object.entries({ strength, vae_key, clip_skip, guidance }).filter(([, value]) => value),
      ),
      ...chosen,
      loras,
      model_name: name,
    });
    expect(strength).toBe(source_image_id ? 0.75 : undefined);
    const { invokeai } = await gallery.get(`/photos/${photo.id}/metadata`);
    expect(invokeai.generation_mode).toMatch(source_image_id ? /img2img$/ : /txt2img$/);
    expect(invokeai.model.name).toBe(name);
  }
}, 180_000);

test("a model of a base without graphs is listed as unsupported, and refused", async () => {
  const other = await named("Refined XL");
  expect([other.supported, other.usable, other.default_params]).toEqual([false, false, null]);
  const session = await gallery.createSession();
  const refusal = await gallery
    .requestStep(session.id, { parameters: { model_key: other.key } })
    .catch((error: Error) => error.message);
  expect(refusal).toContain("invokeai_model_error");
});

test("a newly installed model is listed without a refresh", async () => {
  await stack.invokeai.control.until(({ subscribers }) => subscribers > 0);
  const key = await stack.invokeai.control.installModel({ name: "Night Rain", base: "sdxl" });
  expect((await named("Night Rain", "lora")).key).toBe(key);
});
