import { afterAll, describe, expect, test } from "bun:test";
import { inArray } from "drizzle-orm";
import { photos } from "#db/schema/photos";
import { painted, plain, pngChunk, withIptc, withPngChunks } from "#tests/fixtures/pictures";
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

describe("camera metadata", () => {
  test("sets the photo's times and appears in its metadata, grouped", async () => {
    const { status, body } = await upload(api, formOf([{ bytes: await holiday(), name: "a.jpg" }]));
    expect(status).toBe(201);
    expect(body).toMatchObject({
      taken_at: "2024-07-01T20:15:30.500",
      taken_at_offset_minutes: 120,
      taken_at_source: "exif",
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

  test("may be absent: the groups are null", async () => {
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

describe("text that a person wrote into a file", () => {
  const xmp = (title: string) =>
    `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
    <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:p="http://ns.adobe.com/photoshop/1.0/" p:DateCreated="2024-05-17T18:03:22+02:00">
    ${title && `<dc:title><rdf:Alt><rdf:li xml:lang="x-default">${title}</rdf:li></rdf:Alt></dc:title>`}
    <dc:description><rdf:Alt><rdf:li xml:lang="x-default">The old town, seen from the sea.</rdf:li></rdf:Alt></dc:description>
    <dc:subject><rdf:Bag><rdf:li>Harbour</rdf:li><rdf:li>boats &amp; ropes</rdf:li><rdf:li>harbour</rdf:li><rdf:li>${"x".repeat(65)}</rdf:li></rdf:Bag></dc:subject>
    </rdf:Description></rdf:RDF></x:xmpmeta>`;
  const withTitle = (shade: string, title = "The harbour") =>
    plain(64, 48, shade).jpeg().withXmp(xmp(title)).toBuffer();

  test("becomes title and tags of an upload without its own", async () => {
    const bytes = await withTitle("#400000");
    const { body } = await upload(api, formOf([{ bytes }]));
    expect(body).toMatchObject({
      title: "The harbour",
      tags: ["Harbour", "boats & ropes"],
      taken_at: "2024-05-17T18:03:22.000",
      taken_at_offset_minutes: 120,
      taken_at_source: "xmp",
    });
    const found = await api.request("/api/v1/photos?q=ropes");
    expect(await found.json()).toMatchObject({ items: [{ id: body["id"] }] });
  });

  test("is overridden by the title and tags of the upload", async () => {
    const titled = await upload(
      api,
      formOf([{ bytes: await withTitle("#004000") }], { title: "Mine" }),
    );
    expect(titled.body).toMatchObject({ title: "Mine", tags: ["Harbour", "boats & ropes"] });
    const tagged = await upload(
      api,
      formOf([{ bytes: await withTitle("#000040") }], { tags: ["own"] }),
    );
    expect(tagged.body).toMatchObject({ title: "The harbour", tags: ["own"] });
  });

  test("is taken from the description if there is no title, and from IPTC if there is no XMP", async () => {
    const described = await upload(api, formOf([{ bytes: await withTitle("#404000", "") }]));
    expect(described.body["title"]).toBe("The old town, seen from the sea.");
    const jpeg = await plain(64, 48, "#004040").jpeg().toBuffer();
    const texts = [
      [5, "Der Hafen"],
      [25, "Schiff"],
      [25, "Möwe"],
      [55, "20240517"],
    ] as [number, string][];
    const { body } = await upload(api, formOf([{ bytes: withIptc(jpeg, texts) }]));
    expect(body).toMatchObject({
      title: "Der Hafen",
      tags: ["Schiff", "Möwe"],
      taken_at: "2024-05-17T00:00:00.000",
      taken_at_source: "iptc",
    });
  });

  test("does not include the default text of a camera", async () => {
    const jpeg = await plain(64, 48, "#7f7f00").jpeg().toBuffer();
    const { body } = await upload(
      api,
      formOf([{ bytes: withIptc(jpeg, [[120, "OLYMPUS DIGITAL CAMERA"]]) }]),
    );
    expect(body["title"]).toBeUndefined();
  });

  test("is not read if library.read_embedded_texts is false", async () => {
    const own = await createTestApi();
    try {
      const change = { library: { read_embedded_texts: false } };
      expect((await own.call("PATCH", "/settings", change))[0]).toBe(200);
      const { body } = await upload(own, formOf([{ bytes: await withTitle("#400040") }]));
      expect(body).toMatchObject({ tags: [], taken_at_source: "xmp" });
      expect(body["title"]).toBeUndefined();
    } finally {
      await own.close();
    }
  });
});

describe("an image generated elsewhere", () => {
  test("is an upload with its prompt and parameters, and stays an upload", async () => {
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

  test("is accepted even if its texts are garbage", async () => {
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
  test("returns InvokeAI's metadata as recorded in the file", async () => {
    const record = { positive_prompt: "a cat", seed: 7, model: { key: "k", name: "Dreamy" } };
    const text = pngChunk("tEXt", Buffer.from(`invokeai_metadata\0${JSON.stringify(record)}`));
    const bytes = withPngChunks(await pngOfShade(3), text);
    const { body } = await upload(api, formOf([{ bytes }]));
    expect((await metadataOf(body))["invokeai"]).toEqual(record);
  });

  test("answers from the row for a photo that has not been fetched", async () => {
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

test("metadata has location and description of a sidecar; a location in the file takes precedence", async () => {
  const { db } = api.deps.database;
  const { body: plain } = await upload(api, formOf([{ bytes: await pngOfShade(7_001) }]));
  const { body: located } = await upload(api, formOf([{ bytes: await holiday(), name: "b.jpg" }]));
  const sidecar = { place: { latitude: -33.5, longitude: 151.25 }, description: "At the pier" };
  await db
    .update(photos)
    .set({ sidecar })
    .where(inArray(photos.id, [plain["id"], located["id"]]));
  expect(await metadataOf(plain)).toMatchObject({
    gps: { latitude: -33.5, longitude: 151.25 },
    description: "At the pier",
  });
  expect((await metadataOf(located))["gps"]["latitude"]).toBeCloseTo(48.858333, 5);
});
