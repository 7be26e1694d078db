import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startApiProcess } from "#tests/support/api-process";
import { createGalleryClient } from "#tests/support/gallery";
import { shareAlbum, uploadPictures } from "#tests/support/shared-album";
import { until } from "#tests/support/wait";

const MiB = 1024 * 1024;
let api: Awaited<ReturnType<typeof startApiProcess>>;
beforeAll(async () => {
  api = await startApiProcess({
    MAX_UPLOAD_SIZE: String(2 * MiB),
    MAX_BATCH_SIZE: "2",
    MAX_SESSION_ARCHIVE_SIZE: String(16 * MiB),
  });
}, 60_000);
afterAll(() => api.stop());

/** Sends only the headers of a request; returns the status, headers and JSON of the answer. */
async function answerTo(line: string, ...headers: string[]) {
  const { host, hostname, port } = new URL(api.url);
  const socket = connect(Number(port), hostname);
  let received = "";
  socket.on("data", (data) => (received += data.toString()));
  socket.on("error", () => {});
  socket.write([`${line} HTTP/1.1`, `Host: ${host}`, ...headers, "", ""].join("\r\n"));
  try {
    await until("a whole answer", () => received.includes('"request_id"'), 5_000);
  } finally {
    socket.destroy();
  }
  const [head = "", body = ""] = received.split("\r\n\r\n");
  return { head: head.toLowerCase(), body: JSON.parse(body) };
}

const form = "Content-Type: multipart/form-data; boundary=b";
const tooLong: [string, string, number][] = [
  ["POST /api/v1/albums", "Content-Type: application/json", MiB + 1],
  ["PATCH /api/v1/settings", "Content-Type: application/json", 10_000_000_000],
  [`POST /api/v1/photos/${crypto.randomUUID()}/retry`, "X-A: b", MiB + 1],
  ["POST /api/v1/photos", form, 2 * 2 * MiB + 8 * MiB + 1],
  ["POST /api/v1/photos", form, 10_000_000_000],
  ["POST /api/v1/generation/sessions/import", form, 16 * MiB + 8 * MiB + 1],
  [`POST /s/${"A".repeat(43)}/unlock`, "Content-Type: application/x-www-form-urlencoded", MiB + 1],
];

test.each(tooLong)(
  "%s (%s) with a Content-Length of %i answers 413 before its body is read",
  async (line, type, bytes) => {
    const { head, body } = await answerTo(line, type, `Content-Length: ${bytes}`);
    expect(head).toStartWith("http/1.1 413");
    expect(head).toContain("connection: close");
    expect(body.error.code).toBe("payload_too_large");
    expect(body.error.message).toMatch(/at most \d+ bytes/);
  },
);

test("a method of no route answers 405 with Allow and the error body", async () => {
  for (const method of ["PROPFIND", "TRACE", "QUERY", "OPTIONS", "PUT"]) {
    const { head, body } = await answerTo(`${method} /api/v1/albums`);
    expect({ method, head: head.split("\r\n", 1) }).toEqual({
      method,
      head: ["http/1.1 405 method not allowed"],
    });
    expect(head).toContain("allow: get, head, post");
    expect(body.error.code).toBe("method_not_allowed");
  }
});

test("HEAD has the Content-Length of GET, and none where it is not known", async () => {
  const client = createGalleryClient(api.url);
  const photoIds = await uploadPictures(api, 2);
  const { path } = await shareAlbum(api, photoIds, { allow_download: true });
  const session = await client.createSession();
  const unknown = [
    `${path}download`,
    `/api/v1/share/${path.split("/")[2]}/download`,
    `/api/v1/generation/sessions/${session["id"]}/events`,
    "/api/v1/events",
  ];
  for (const one of unknown) {
    const { status, headers } = await fetch(api.url + one, { method: "HEAD" });
    const length = headers.get("content-length");
    expect({ one, status, length }).toEqual({ one, status: 200, length: null });
  }
  const [album] = (await client.get("/albums"))["items"];
  for (const one of [`/api/v1/albums/${album.id}/download`, "/api/v1/photos", "/health"]) {
    const full = await (await fetch(api.url + one)).arrayBuffer();
    const { headers } = await fetch(api.url + one, { method: "HEAD" });
    expect({ one, length: headers.get("content-length") }).toEqual({
      one,
      length: String(full.byteLength),
    });
  }
});
