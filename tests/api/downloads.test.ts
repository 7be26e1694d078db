import { afterAll, describe, expect, test } from "bun:test";
import { readdir, readFile, readlink, rm, truncate } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { eq } from "drizzle-orm";
import { photos } from "#db/schema/photos";
import { originalKey } from "#media/storage/keys";
import { createTestApi } from "#tests/support/api";
import { startApiProcess } from "#tests/support/api-process";
import { insertAlbum, insertPhoto } from "#tests/support/rows";
import { uploadedPhoto } from "#tests/support/uploads";
import { until } from "#tests/support/wait";
import { readZip } from "#tests/support/zip";

const api = await createTestApi();
afterAll(() => api.close());

/** Saves an answer and reads it as an archive. */
async function unzip(response: Response) {
  expect(response.status).toBe(200);
  const path = join(api.dataDir, `${crypto.randomUUID()}.zip`);
  const bytes = await response.bytes();
  await Bun.write(path, bytes);
  expect(response.headers.get("content-length")).toBe(String(bytes.length));
  return readZip(path);
}

const chosen = (ids: string[]) => api.postJson("/api/v1/photos/download", { ids });

describe("the zip of an album", () => {
  test("holds its originals byte for byte, in album order, under their names, and its length is known", async () => {
    const a = await uploadedPhoto(api, 1, "IMG_1.png");
    const b = await uploadedPhoto(api, 2, "img_1.PNG");
    const trashed = await uploadedPhoto(api, 3);
    const album = await insertAlbum(api.deps.database.db, [b.id, a.id, trashed.id], "Été: sea");
    await api.request(`/api/v1/photos/${trashed.id}`, { method: "DELETE" });
    const path = `/api/v1/albums/${album}/download`;
    const head = await api.request(path, { method: "HEAD" });
    const response = await api.request(path);
    expect(response.headers.get("content-type")).toBe("application/zip");
    expect(response.headers.get("content-disposition")).toBe(
      `attachment; filename="E_te__ sea.zip"; filename*=UTF-8''%C3%89t%C3%A9_%20sea.zip`,
    );
    expect(head.headers.get("content-length")).toBe(response.headers.get("content-length"));
    const entries = await unzip(response);
    expect(entries.map(({ name, sha256 }) => [name, sha256])).toEqual([
      ["img_1.PNG", b.content_hash],
      ["IMG_1 (2).png", a.content_hash],
    ]);
    expect(Date.parse(entries[0]!.modified)).toBeCloseTo(Date.parse(b.created_at), -4);
  });

  test("is empty for an empty album, and 404 for an unknown one", async () => {
    const album = await insertAlbum(api.deps.database.db, []);
    expect(await unzip(await api.request(`/api/v1/albums/${album}/download`))).toEqual([]);
    const nobody = await api.request(`/api/v1/albums/${crypto.randomUUID()}/download`);
    expect(nobody.status).toBe(404);
  });
});

describe("the zip of chosen photos", () => {
  test("holds each photo once, in the requested order", async () => {
    const a = await uploadedPhoto(api, 11, "a.png");
    const b = await uploadedPhoto(api, 12, "b.png");
    const entries = await unzip(await chosen([b.id, a.id.toUpperCase(), b.id]));
    expect(entries.map(({ name }) => name)).toEqual(["b.png", "a.png"]);
  });

  test("answers 404 with the path of an unknown photo, and 400 for no photos or 501", async () => {
    const known = await uploadedPhoto(api, 13);
    const unknown = crypto.randomUUID();
    const answer = await chosen([known.id, unknown]);
    expect(answer.status).toBe(404);
    const { error } = (await answer.json()) as { error: { details: unknown } };
    expect(error.details).toEqual({ path: "ids", missing: [unknown] });
    expect((await chosen([])).status).toBe(400);
    expect((await chosen(Array(501).fill(known.id))).status).toBe(400);
  });

  test("lists in a text file the photos it leaves out: not fetched yet, or with a lost file", async () => {
    const { db } = api.deps.database;
    const there = await uploadedPhoto(api, 14, "there.png");
    const waiting = await insertPhoto(db, {
      kind: "generated",
      filename: "waiting.png",
      retrievalStatus: "pending",
    });
    const lost = await insertPhoto(db, { filename: "lost.png" });
    const response = await chosen([there.id, waiting.id, lost.id]);
    const bytes = await response.clone().bytes();
    const names = (await unzip(response)).map(({ name }) => name);
    expect(names).toEqual(["there.png", "left out.txt"]);
    const text = Buffer.from(bytes).toString("latin1");
    expect(text).toContain("waiting.png: not fetched from InvokeAI yet\r\n");
    expect(text).toContain("lost.png: its file is missing\r\n");
  });

  test("stays an archive of the declared length if a photo is deleted while it is sent", async () => {
    const first = await uploadedPhoto(api, 15, "first.png");
    const second = await uploadedPhoto(api, 16, "second.png");
    const response = await chosen([first.id, second.id]);
    const file = originalKey({ kind: "uploaded", id: second.id, mimeType: "image/png" });
    await rm(join(api.dataDir, file));
    const [kept, gone] = await unzip(response);
    expect(kept?.sha256).toBe(first.content_hash);
    expect([gone?.name, gone?.bytes]).toEqual(["second.png", second.file_size]);
    expect(gone?.sha256).not.toBe(second.content_hash);
    await api.deps.database.db.delete(photos).where(eq(photos.id, second.id));
  });
});

describe("a client of a large zip", () => {
  /** An api with one album of `count` sparse files of `bytes`, which take no space on disk. */
  async function startWithLargeAlbum(count: number, bytes: number) {
    const server = await startApiProcess();
    const { db } = server.database;
    const ids: string[] = [];
    for (let at = 0; at < count; at += 1) {
      const photo = await insertPhoto(db, { fileSize: bytes });
      const path = join(server.dataDir, originalKey({ ...photo, mimeType: "image/png" }));
      await Bun.write(path, "");
      await truncate(path, bytes);
      ids.push(photo.id);
    }
    const album = await insertAlbum(db, ids);
    return { ...server, path: `/api/v1/albums/${album}/download` };
  }

  /** Requests a path on a paused socket. */
  async function openSlowly(url: string, path: string): Promise<Socket> {
    const { port } = new URL(url);
    const socket = connect(Number(port), "127.0.0.1");
    socket.pause();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
    return socket;
  }

  const openFiles = async ({ child, dataDir }: { child: { pid: number }; dataDir: string }) => {
    const links = (await readdir(`/proc/${child.pid}/fd`)).map((fd) =>
      readlink(`/proc/${child.pid}/fd/${fd}`).catch(() => ""),
    );
    return (await Promise.all(links)).filter((link) => link.startsWith(dataDir)).length;
  };

  /** The number of open client connections of the server. */
  const connections = async (url: string) => {
    const local = `:${Number(new URL(url).port).toString(16).toUpperCase().padStart(4, "0")}`;
    const lines = (await readFile("/proc/net/tcp", "utf8")).split("\n");
    const isOurs = (line: string) => {
      const [, address, , state] = line.trim().split(/\s+/);
      return address?.endsWith(local) === true && state === "01";
    };
    return lines.filter(isOurs).length;
  };

  test("does not raise the server's memory, whether it reads a gigabyte or stalls, and holds nothing after it is gone", async () => {
    const server = await startWithLargeAlbum(100, 10_000_000);
    try {
      // Warm-up: the first requests of a process use memory of their own.
      await fetch(`${server.url}/health`);
      const warm = await fetch(`${server.url}${server.path}`);
      await warm.body?.cancel();
      const before = await server.memory();
      const waiting = await Promise.all(
        Array.from({ length: 4 }, () => openSlowly(server.url, server.path)),
      );
      await until("their requests", async () => (await connections(server.url)) >= 4);
      let read = 0;
      let most = 0;
      const response = await fetch(`${server.url}${server.path}`);
      for await (const chunk of response.body!) {
        const upTo = read + chunk.length;
        // Every 100 MB.
        if (Math.floor(upTo / 1e8) > Math.floor(read / 1e8)) {
          most = Math.max(most, await server.memory());
        }
        read = upTo;
      }
      expect(read).toBeGreaterThan(1_000_000_000);
      // Garbage that is not collected yet; it does not grow with the bytes sent.
      expect((most - before) / 1e6).toBeLessThan(150);
      for (const socket of waiting) socket.destroy();
      await until("no open files and connections", async () => {
        // One connection may remain: the reader keeps it alive.
        return (await openFiles(server)) === 0 && (await connections(server.url)) <= 1;
      });
    } finally {
      await server.stop();
    }
  }, 120_000);

  test("sees its download fail if a file shrinks while it is sent, so that a partial zip never looks complete", async () => {
    const server = await startWithLargeAlbum(2, 400_000_000);
    try {
      const response = await fetch(`${server.url}${server.path}`);
      const reader = response.body!.getReader();
      await reader.read();
      const folder = join(server.dataDir, "photos/uploaded");
      for (const name of await readdir(folder, { recursive: true })) {
        if (name.endsWith(".png")) await truncate(join(folder, name), 1_000);
      }
      const drain = async () => {
        while (!(await reader.read()).done);
      };
      const fault = await drain().catch((error: unknown) => error);
      expect(fault).toBeInstanceOf(Error);
      expect((await fetch(`${server.url}/health`)).status).toBe(200);
    } finally {
      await server.stop();
    }
  }, 60_000);
});
