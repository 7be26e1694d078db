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
  ];
  const session = await gallery.createSession();
  const steps: [Body, string][] = [];
  for (const [name, { vae, lora, ...more }] of cases as [string, Body][]) {
    const { key } = await named(name);
    const vae_key = vae && (await named(vae, "vae")).key;
    const loras = lora && [{ model_key: (await named(lora, "lora")).key, weight: 0.6 }];
    const parameters = { model_key: key, batch_size: 1, vae_key, loras, ...more };
    for (const source_image_id of [undefined, source.id]) {
      steps.push([await gallery.requestStep(session.id, { parameters, source_image_id }), name]);
    }
  }
  for (const [{ id, parameters, source_image_id }, name] of steps) {
    const done = await gallery.stepIs(id, ["completed", "failed"]);
    expect([name, done.status, done.error]).toEqual([name, "completed", undefined]);
    await gallery.allRetrieved(id, 1);
    const [{ photo }] = (await gallery.photosOf(id)) as [Body];
    const { model_hash, seed, width, height, steps: count, cfg_scale, scheduler } = parameters;
    const { strength, vae_key, clip_skip, guidance, loras = [] } = parameters;
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
  const other = await named("Far Sails 14B");
  expect([other.supported, other.default_params]).toEqual([false, null]);
  const session = await gallery.createSession();
  const refusal = await gallery
    .requestStep(session.id, { parameters: { model_key: other.key } })
    .catch((error: Error) => error.message);
  expect(refusal).toContain("invokeai_model_error");
});

test("a newly installed model is listed without a refresh", async () => {
  await stack.invokeai.control.until(({ sockets }) => sockets > 0);
  const key = await stack.invokeai.control.installModel({ name: "Night Rain", base: "sdxl" });
  expect((await named("Night Rain", "lora")).key).toBe(key);
});
