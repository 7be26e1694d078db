import { afterAll, beforeAll, expect, test } from "bun:test";
import sharp from "sharp";
import { blankGraph, graph } from "./graphs.ts";
import { newBatchId, openTarget, outputImage, type Target } from "./target.ts";

let target: Target;
beforeAll(async () => {
  target = await openTarget();
});
afterAll(() => target.close());

const picture = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: "#2a7" } });

test("an upload answers 201 with the image and its place", async () => {
  const { status, headers, json } = await target.upload(await picture(100, 80).png().toBuffer());
  expect(status).toBe(201);
  expect(headers.get("location")).toContain(json.image_name);
  expect(json).toMatchObject({
    image_url: `api/v1/images/i/${json.image_name}/full`,
    image_origin: "external",
    image_category: "user",
    width: 100,
    height: 80,
    is_intermediate: true,
    has_workflow: false,
  });
});

test("an upload becomes a PNG, its EXIF orientation ignored and lost", async () => {
  const sideways = await picture(100, 40).withMetadata({ orientation: 6 }).jpeg().toBuffer();
  const { json } = await target.upload(sideways, "image/jpeg");
  expect(json).toMatchObject({ width: 100, height: 40 });
  const stored = await sharp(await target.download(json.image_name)).metadata();
  expect(stored.format).toBe("png");
  expect(stored.orientation).toBeUndefined();
});

test("the same bytes twice are two images", async () => {
  const bytes = await picture(20, 20).png().toBuffer();
  const [one, two] = [await target.upload(bytes), await target.upload(bytes)];
  expect(one.json.image_name).not.toBe(two.json.image_name);
});

test("an upload without its query is 422, of another type or unreadable 415", async () => {
  const bytes = await picture(20, 20).png().toBuffer();
  const bare = await target.upload(bytes, "image/png", "");
  expect(bare.status).toBe(422);
  expect(bare.json.detail.map(({ loc }: { loc: string[] }) => loc)).toEqual([
    ["query", "image_category"],
    ["query", "is_intermediate"],
  ]);
  const text = await target.upload(bytes, "text/plain");
  expect([text.status, text.json]).toEqual([415, { detail: "Not an image" }]);
  const noise = await target.upload(new TextEncoder().encode("no picture at all"));
  expect([noise.status, noise.json]).toEqual([415, { detail: "Failed to read image" }]);
});

test("a generated picture has bytes, thumbnail, metadata and the graph inside", async () => {
  const batchId = newBatchId();
  await target.enqueue({
    batch_id: batchId,
    destination: batchId,
    graph: graph(
      {
        meta: { type: "core_metadata", positive_prompt: "ein Boot – 舟", seed: 7 },
        out: {
          type: "blank_image",
          width: 640,
          height: 320,
          is_intermediate: false,
          use_cache: false,
        },
      },
      ["meta.metadata > out.metadata"],
    ),
  });
  const [item] = await target.finishedItems(batchId);
  if (item === undefined) throw new Error("no item");
  const name = outputImage(item);
  const bytes = await target.download(name);
  expect(await sharp(bytes).metadata()).toMatchObject({ format: "png", width: 640, height: 320 });
  expect(bytes.includes("invokeai_metadata")).toBe(true);
  expect(bytes.includes("invokeai_graph")).toBe(true);

  const thumbnail = await fetch(new URL(`/api/v1/images/i/${name}/thumbnail`, target.url));
  expect(thumbnail.headers.get("content-type")).toBe("image/webp");
  const small = await sharp(Buffer.from(await thumbnail.arrayBuffer())).metadata();
  expect([small.width, small.height]).toEqual([256, 128]);

  const metadata = await target.call("GET", `/api/v1/images/i/${name}/metadata`);
  expect(metadata.json).toMatchObject({ positive_prompt: "ein Boot – 舟", seed: 7 });

  const { json: dto } = await target.call("GET", `/api/v1/images/i/${name}`);
  expect(dto).toMatchObject({
    image_origin: "internal",
    image_category: "general",
    session_id: item.session_id,
    node_id: item.session.source_prepared_mapping.out?.[0],
    has_workflow: true,
  });
});

test("an image without metadata answers null for it", async () => {
  const { json } = await target.upload(await picture(20, 20).png().toBuffer());
  const metadata = await target.call("GET", `/api/v1/images/i/${json.image_name}/metadata`);
  expect([metadata.status, metadata.json]).toEqual([200, null]);
});

test("an unknown image is 404 in every form", async () => {
  for (const path of ["", "/full", "/thumbnail", "/metadata"]) {
    const { status } = await target.call("GET", `/api/v1/images/i/nothing.png${path}`);
    expect(status).toBe(404);
  }
  const dto = await target.call("GET", "/api/v1/images/i/nothing.png");
  expect(dto.json).toEqual({ detail: "Not Found" });
});

test("the list gives the newest first and finds an image by its session", async () => {
  const batchId = newBatchId();
  await target.enqueue({ batch_id: batchId, destination: batchId, graph: blankGraph() });
  const [item] = await target.finishedItems(batchId);
  const { json } = await target.call(
    "GET",
    "/api/v1/images/?image_origin=internal&is_intermediate=false&limit=1&starred_first=false",
  );
  expect(json.items).toHaveLength(1);
  expect(json.items[0].session_id).toBe(item?.session_id);
  expect(json.total).toBeGreaterThan(0);
  const names = await target.call(
    "GET",
    "/api/v1/images/names?image_origin=internal&is_intermediate=false",
  );
  expect(names.json.image_names[0]).toBe(json.items[0].image_name);
});

test("a page of more than a thousand images is refused", async () => {
  const { status, json } = await target.call("GET", "/api/v1/images/?limit=1001");
  expect(status).toBe(422);
  expect(json.detail[0].loc).toEqual(["query", "limit"]);
});

test("deleting names what is gone and passes over what was not there", async () => {
  const { json: image } = await target.upload(await picture(20, 20).png().toBuffer());
  const path = `/api/v1/images/i/${image.image_name}`;
  const gone = await target.call("DELETE", path);
  expect(gone.json.deleted_images).toEqual([image.image_name]);
  expect((await target.call("DELETE", path)).status).toBe(404);
  const bulk = await target.call("POST", "/api/v1/images/delete", {
    image_names: [image.image_name],
  });
  expect([bulk.status, bulk.json.deleted_images]).toEqual([200, []]);
});

test("picture bytes are sent as they are, also to who accepts gzip", async () => {
  const { json } = await target.upload(await picture(400, 300).png().toBuffer());
  const url = new URL(`/api/v1/images/i/${json.image_name}/full`, target.url);
  const response = await fetch(url, { headers: { "accept-encoding": "gzip" } });
  const bytes = Buffer.from(await response.arrayBuffer());
  expect(response.headers.get("content-encoding")).toBeNull();
  expect(response.headers.get("content-length")).toBe(String(bytes.length));
  expect(response.headers.get("content-type")).toBe("image/png");
  const head = await fetch(url, { method: "HEAD" });
  expect(head.headers.get("content-length")).toBe(String(bytes.length));
});
