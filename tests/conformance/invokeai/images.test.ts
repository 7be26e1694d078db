import { expect } from "bun:test";
import sharp from "sharp";
import { examine } from "./examine.ts";
import { blankGraph, graph } from "./graphs.ts";
import { newBatchId, outputImage } from "./target.ts";

await examine((target, promised, server) => {
  const picture = (width: number, height: number) =>
    sharp({ create: { width, height, channels: 3, background: "#2a7" } });

  promised("an upload answers 201 with the image and its location", [], async () => {
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

  promised("an upload becomes a PNG, its EXIF orientation ignored and lost", [], async () => {
    const sideways = await picture(100, 40).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const { json } = await target.upload(sideways, "image/jpeg");
    expect(json).toMatchObject({ width: 100, height: 40 });
    const stored = await sharp(await target.download(json.image_name)).metadata();
    expect(stored.format).toBe("png");
    expect(stored.orientation).toBeUndefined();
  });

  promised("the same bytes twice are two images", [], async () => {
    const bytes = await picture(20, 20).png().toBuffer();
    const [one, two] = [await target.upload(bytes), await target.upload(bytes)];
    expect(one.json.image_name).not.toBe(two.json.image_name);
  });

  promised(
    "an upload without its query is 422; another type or an unreadable file is 415",
    [],
    async () => {
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
    },
  );

  promised(
    "a generated picture has bytes, thumbnail, metadata and the graph inside",
    [],
    async () => {
      const batchId = newBatchId();
      await target.enqueue({
        batch_id: batchId,
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
      expect(await sharp(bytes).metadata()).toMatchObject({
        format: "png",
        width: 640,
        height: 320,
      });
      expect(bytes.includes("invokeai_metadata")).toBe(true);
      expect(bytes.includes("invokeai_graph")).toBe(true);

      const thumbnail = await fetch(new URL(`/api/v1/images/i/${name}/thumbnail`, target.url), {
        headers: target.login,
      });
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
    },
  );

  promised("an image without metadata answers null for it", [], async () => {
    const { json } = await target.upload(await picture(20, 20).png().toBuffer());
    const metadata = await target.call("GET", `/api/v1/images/i/${json.image_name}/metadata`);
    expect([metadata.status, metadata.json]).toEqual([200, null]);
  });

  promised("an unknown image is 404 on every route", [], async () => {
    for (const path of ["", "/full", "/thumbnail", "/metadata"]) {
      const { status } = await target.call("GET", `/api/v1/images/i/nothing.png${path}`);
      expect(status).toBe(404);
    }
    const dto = await target.call("GET", "/api/v1/images/i/nothing.png");
    expect(dto.json).toEqual({ detail: "Not Found" });
  });

  promised("the list is newest first and can be filtered by session", [], async () => {
    const batchId = newBatchId();
    await target.enqueue({ batch_id: batchId, runs: 2, graph: blankGraph() });
    const [first, second] = await target.finishedItems(batchId);
    const { json } = await target.call(
      "GET",
      "/api/v1/images/?is_intermediate=false&limit=100&offset=0&order_dir=DESC&starred_first=false",
    );
    // Other users may generate at the same time.
    const sessions = (json.items as { session_id: string | null }[])
      .map(({ session_id }) => session_id)
      .filter((id) => id === first?.session_id || id === second?.session_id);
    expect(sessions).toEqual([second?.session_id ?? null, first?.session_id ?? null]);
    expect(json.total).toBeGreaterThanOrEqual(2);
  });

  promised("a search finds a picture by a word in its metadata", [], async () => {
    const mark = crypto.randomUUID().replaceAll("-", "");
    const batchId = newBatchId();
    await target.enqueue({
      batch_id: batchId,
      runs: 2,
      graph: graph(
        {
          meta: { type: "core_metadata", gallery_batch: mark, seed: 7 },
          out: {
            type: "blank_image",
            width: 64,
            height: 64,
            is_intermediate: false,
            use_cache: false,
          },
        },
        ["meta.metadata > out.metadata"],
      ),
    });
    const drawn = (await target.finishedItems(batchId)).map(outputImage);
    const query = "image_origin=internal&is_intermediate=false&limit=1000&offset=0&order_dir=ASC";
    const find = async (word: string) =>
      (await target.call("GET", `/api/v1/images/?${query}&search_term=${word}`)).json.items.map(
        ({ image_name }: { image_name: string }) => image_name,
      );
    expect(await find(mark)).toEqual(drawn);
    expect(await find(crypto.randomUUID())).toEqual([]);
    const { json } = await target.call("GET", `/api/v1/images/i/${drawn[0]}/metadata`);
    expect(json).toMatchObject({ gallery_batch: mark, seed: 7 });
  });

  promised("a page of more than a thousand images is refused", ["6.14"], async () => {
    const { status, json } = await target.call("GET", "/api/v1/images/?limit=1001");
    expect(status).toBe(422);
    expect(json.detail[0].loc).toEqual(["query", "limit"]);
  });

  promised("a deletion lists the deleted images and ignores unknown ones", [], async () => {
    const { json: image } = await target.upload(await picture(20, 20).png().toBuffer());
    const path = `/api/v1/images/i/${image.image_name}`;
    const gone = await target.call("DELETE", path);
    expect(gone.json.deleted_images).toEqual([image.image_name]);
    const again = await target.call("DELETE", path);
    if (server.api === "6.13") expect([again.status, again.json.deleted_images]).toEqual([200, []]);
    else expect([again.status, again.json]).toEqual([404, { detail: "Image not found" }]);
    const bulk = await target.call("POST", "/api/v1/images/delete", {
      image_names: [image.image_name],
    });
    expect([bulk.status, bulk.json.deleted_images]).toEqual([200, []]);
  });

  promised(
    "picture bytes are sent uncompressed, also to clients that accept gzip",
    [],
    async () => {
      const { json } = await target.upload(await picture(400, 300).png().toBuffer());
      const url = new URL(`/api/v1/images/i/${json.image_name}/full`, target.url);
      const response = await fetch(url, {
        headers: { ...target.login, "accept-encoding": "gzip" },
      });
      const bytes = Buffer.from(await response.arrayBuffer());
      expect(response.headers.get("content-encoding")).toBeNull();
      expect(response.headers.get("content-length")).toBe(String(bytes.length));
      expect(response.headers.get("content-type")).toBe("image/png");
      const head = await fetch(url, { method: "HEAD", headers: target.login });
      expect(head.headers.get("content-length")).toBe(String(bytes.length));
    },
  );
});
