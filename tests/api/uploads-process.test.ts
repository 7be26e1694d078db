import { readdir } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { photos } from "#db/schema/photos";
import { painted, pngChunk, withPngChunks } from "#tests/fixtures/pictures";
import { startApiProcess } from "#tests/support/api-process";
import { formOf } from "#tests/support/uploads";
import { until } from "#tests/support/wait";

const MiB = 1024 * 1024;

let api: Awaited<ReturnType<typeof startApiProcess>>;
let png: Buffer;

beforeAll(async () => {
  api = await startApiProcess();
  png = await painted(640, 480).png().toBuffer();
}, 60_000);
afterAll(() => api.stop());

/** A picture of exactly `bytes` bytes, padded with a private chunk that decoders skip. */
function pngOfBytes(bytes: number, fill: number): Buffer {
  return withPngChunks(png, pngChunk("prVt", Buffer.alloc(bytes - png.length - 12, fill)));
}

const post = (form: FormData) => fetch(`${api.url}/api/v1/photos`, { method: "POST", body: form });
const entries = async () =>
  (await readdir(api.dataDir, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name !== ".installation")
    .map((entry) => entry.name);

test("uploads: ten files of 20 MiB grow the api's VmRSS by less than 100 MB", async () => {
  // The memory for the very first picture of a process is not counted.
  expect((await post(formOf([{ bytes: png }]))).status).toBe(201);
  const files = Array.from({ length: 10 }, (_, n) => ({ bytes: pngOfBytes(20 * MiB, n + 1) }));
  const form = formOf(files);
  const before = await api.memory();
  let peak = before;
  const watch = setInterval(async () => {
    peak = Math.max(peak, await api.memory());
  }, 20);
  const response = await post(form);
  clearInterval(watch);
  const { items } = (await response.json()) as { items: { status: string }[] };
  expect(items.map((item) => item.status)).toEqual(Array(10).fill("created"));
  expect(peak).toBeGreaterThan(before);
  expect((peak - before) / 1_000_000).toBeLessThan(100);
}, 60_000);

test("uploads: 21 MiB is 413 in the error body, also over the wire, and nothing is left behind", async () => {
  const before = (await entries()).toSorted();
  const response = await post(formOf([{ bytes: pngOfBytes(21 * MiB, 99) }]));
  expect(response.status).toBe(413);
  expect(await response.json()).toMatchObject({ error: { code: "payload_too_large" } });
  expect((await entries()).toSorted()).toEqual(before);
}, 60_000);

test("uploads: a connection cut half-way leaves no file and no row", async () => {
  const rows = await api.database.db.$count(photos);
  const before = (await entries()).toSorted();
  const socket = await openUpload(1_000_000);
  socket.write(Buffer.alloc(300_000));
  await until("a file being received", async () =>
    (await entries()).some((name) => name.endsWith(".part")),
  );
  socket.destroy();
  await until("nothing being received", async () =>
    (await entries()).every((name) => !name.endsWith(".part")),
  );
  expect((await entries()).toSorted()).toEqual(before);
  expect(await api.database.db.$count(photos)).toBe(rows);
});

test("uploads: a killed api leaves a file that is still marked as unfinished, and no row", async () => {
  const other = await startApiProcess();
  const socket = await openUpload(1_000_000, other.url);
  socket.on("error", () => {});
  socket.write(Buffer.alloc(300_000));
  const names = () => readdir(other.dataDir, { recursive: true });
  await until("a file being received", async () =>
    (await names()).some((n) => n.endsWith(".part")),
  );
  await other.child.kill();
  const kept = (await names()).filter((name) => name.includes("."));
  expect(kept.filter((name) => /\.(png|webp)$/.test(name))).toEqual([]);
  expect(await other.database.db.$count(photos)).toBe(0);
  socket.destroy();
  await other.stop();
}, 60_000);

test("a picture and a range of it are sent with correct lengths, HEAD with the same and no body", async () => {
  const posted = await post(formOf([{ bytes: pngOfBytes(900_000, 7) }]));
  const { id } = (await posted.json()) as { id: string };
  const url = `${api.url}/api/v1/photos/${id}`;
  const whole = new Uint8Array(await (await fetch(url)).arrayBuffer());
  const part = await fetch(url, { headers: { range: "bytes=10-19" } });
  expect({ status: part.status, range: part.headers.get("content-range") }).toEqual({
    status: 206,
    range: `bytes 10-19/${whole.length}`,
  });
  expect(new Uint8Array(await part.arrayBuffer())).toEqual(whole.slice(10, 20));
  const head = await fetch(url, { method: "HEAD" });
  expect(head.headers.get("content-length")).toBe(String(whole.length));
  expect((await head.arrayBuffer()).byteLength).toBe(0);
});

test("SIGTERM lets a running upload finish", async () => {
  const other = await startApiProcess();
  const body = Buffer.concat([png, Buffer.from("\r\n--cut--\r\n")]);
  const socket = await openUpload(body.length, other.url);
  let answer = "";
  socket.on("data", (chunk) => (answer += chunk.toString()));
  socket.write(body.subarray(0, 1_000));
  await until("a file being received", async () =>
    (await readdir(other.dataDir, { recursive: true })).some((name) => name.endsWith(".part")),
  );
  const stopped = other.child.stop();
  socket.write(body.subarray(1_000));
  expect(await stopped).toBe(0);
  expect(answer).toStartWith("HTTP/1.1 201");
  await other.stop();
}, 60_000);

/** A form on a raw socket, up to the first byte of its file; `bytes` are to follow. */
async function openUpload(bytes: number, url = api.url): Promise<Socket> {
  const { hostname, port, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  await new Promise<void>((done) => socket.once("connect", () => done()));
  const start = '--cut\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n';
  socket.write(
    [
      "POST /api/v1/photos HTTP/1.1",
      `Host: ${host}`,
      "Content-Type: multipart/form-data; boundary=cut",
      `Content-Length: ${start.length + bytes}`,
      "",
      start,
    ].join("\r\n"),
  );
  return socket;
}
