import { afterAll, describe, expect, test } from "bun:test";
import { painted, pngChunk, withPngChunks } from "#tests/fixtures/pictures";
import { createTestApi } from "#tests/support/api";
import { insertPhoto } from "#tests/support/rows";
import { formOf, pngOfShade, upload } from "#tests/support/uploads";

type Json = Record<string, any>;
const api = await createTestApi();
afterAll(() => api.close());

async function metadataOf(photo: Json): Promise<Json> {
  const response = await api.request(`/api/v1/photos/${photo["id"]}/metadata`);
  expect(response.status).toBe(200);
  return (await response.json()) as Json;
}

const holiday = () =>
  painted(64, 48)
    .jpeg()
    .withExif({
      IFD0: { Make: "Apple", Model: "iPhone 15" },
      IFD2: {
        DateTimeOriginal: "2024:07:01 20:15:30",
        SubSecTimeOriginal: "5",
        OffsetTimeOriginal: "+02:00",
        ExposureTime: "1/60",
        FNumber: "178/100",
      },
      IFD3: {
        GPSLatitudeRef: "N",
        GPSLatitude: "48/1 51/1 30/1",
        GPSLongitudeRef: "E",
        GPSLongitude: "2/1 17/1 40/1",
      },
    })
    .toBuffer();

describe("what a camera wrote", () => {
  test("is in the photo's times and in its metadata, grouped", async () => {
    const { status, body } = await upload(api, formOf([{ bytes: await holiday(), name: "a.jpg" }]));
    expect(status).toBe(201);
    expect(body).toMatchObject({
      taken_at: "2024-07-01T20:15:30.500",
      taken_at_offset_minutes: 120,
      is_generated: false,
    });
    expect(body["generation_metadata"]).toBeUndefined();
    const metadata = await metadataOf(body);
    expect(metadata).toMatchObject({
      file: { filename: "a.jpg", mime_type: "image/jpeg", taken_at: "2024-07-01T20:15:30.500" },
      generation: null,
      invokeai: null,
    });
    expect(metadata["exif"]).toEqual({
      camera_make: "Apple",
      camera_model: "iPhone 15",
      exposure_time_seconds: 1 / 60,
      f_number: 1.78,
    });
    expect(metadata["gps"]["latitude"]).toBeCloseTo(48.858333, 5);
    expect(metadata["gps"]["longitude"]).toBeCloseTo(2.294444, 5);
    expect(metadata["gps"]["altitude_m"]).toBeUndefined();
  });

  test("may be nothing: the groups are null", async () => {
    const bytes = await painted(40, 40).png().toBuffer();
    const { body } = await upload(api, formOf([{ bytes }]));
    expect(body["taken_at"]).toBeUndefined();
    expect(await metadataOf(body)).toMatchObject({
      file: { width: 40, height: 40, file_size: bytes.length },
      exif: null,
      gps: null,
      generation: null,
      invokeai: null,
    });
  });
});

describe("a picture made elsewhere", () => {
  test("is an upload that tells its prompt and what it was made with, and stays one", async () => {
    const text =
      "a lighthouse, <lora:detail:0.6>\nSteps: 20, Sampler: Euler a, Seed: 5, Size: 512x768, Model: rev";
    const chunk = pngChunk("tEXt", Buffer.from(`parameters\0${text}`));
    const { status, body } = await upload(
      api,
      formOf([{ bytes: withPngChunks(await pngOfShade(11), chunk) }]),
    );
    expect(status).toBe(201);
    expect(body["is_generated"]).toBe(false);
    const generation = {
      prompt: "a lighthouse, <lora:detail:0.6>",
      model_name: "rev",
      seed: 5,
      steps: 20,
      scheduler: "euler_a",
      width: 512,
      height: 768,
      loras: [{ name: "detail", weight: 0.6 }],
    };
    expect(body["generation_metadata"]).toEqual(generation);
    expect(await metadataOf(body)).toMatchObject({ generation, invokeai: null });
    const found = await api.request("/api/v1/photos?q=lighthouse");
    expect(await found.json()).toMatchObject({ items: [{ id: body["id"] }] });
  });

  test("whose texts are garbage is taken all the same", async () => {
    const garbage = [
      `invokeai_metadata\0${JSON.stringify({ positive_prompt: "a\0\ud800", seed: 1e300, model: [] })}`,
      `invokeai_metadata\0${"[".repeat(100_000)}`,
      `parameters\0\xff\x00\x01Steps: NaN, Seed: -5, Size: 0x0`,
      `prompt\0${"x".repeat(1_500_000)}`,
    ];
    for (const [at, text] of garbage.entries()) {
      const chunk = pngChunk("tEXt", Buffer.from(text, "latin1"));
      const bytes = withPngChunks(await pngOfShade(20 + at), chunk);
      const { status, body } = await upload(api, formOf([{ bytes }]));
      expect(status).toBe(201);
      await metadataOf(body);
    }
  });
});

describe("GET /photos/{id}/metadata", () => {
  test("gives what InvokeAI recorded as it stands in the file", async () => {
    const record = { positive_prompt: "a cat", seed: 7, model: { key: "k", name: "Dreamy" } };
    const text = pngChunk("tEXt", Buffer.from(`invokeai_metadata\0${JSON.stringify(record)}`));
    const bytes = withPngChunks(await pngOfShade(3), text);
    const { body } = await upload(api, formOf([{ bytes }]));
    expect((await metadataOf(body))["invokeai"]).toEqual(record);
  });

  test("answers for a picture that is not here yet from its row", async () => {
    const photo = await insertPhoto(api.deps.database.db, {
      kind: "generated",
      retrievalStatus: "pending",
      generation: { prompt: "a dog" },
    });
    expect(await metadataOf(photo)).toMatchObject({
      exif: null,
      generation: { prompt: "a dog" },
      invokeai: null,
    });
  });

  test("is 404 for a photo that is not there", async () => {
    const response = await api.request(`/api/v1/photos/${crypto.randomUUID()}/metadata`);
    expect(response.status).toBe(404);
  });
});
