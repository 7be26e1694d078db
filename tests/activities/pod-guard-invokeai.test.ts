import { afterEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import sharp from "sharp";
import { io } from "socket.io-client";
import { admin, createGuardBed, type TestGuard } from "#tests/support/guard";
import { until } from "#tests/support/wait";

const { endApi, volume, guard, cleanUp } = createGuardBed();
afterEach(cleanUp);

const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
    keepalive: false,
  });

test("a stranger who tries from the first moment on gets no administrator", async () => {
  const api = endApi();
  const started = await guard(api);
  const stranger = { email: "stranger@example.org", password: "a password of a stranger" };
  const statuses = new Set<number>();
  let isOver = false;
  const attempts = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      const body = { ...stranger, display_name: "Stranger" };
      const answer = await post(`${started.url}/api/v1/auth/setup`, body).catch(() => undefined);
      if (answer) statuses.add(answer.status);
      // Otherwise refused connections would leave no time to anything else.
      else await Bun.sleep(1);
    }
  });
  await started.untilAdmin("made");
  await until("an answer to the stranger", () => statuses.size > 0);
  isOver = true;
  await Promise.all(attempts);
  expect([...statuses]).toEqual([400]);
  expect((await post(`${started.url}/api/v1/auth/login`, stranger)).status).toBe(401);
  expect((await post(`${started.url}/api/v1/auth/login`, admin)).status).toBe(200);
});

test("on a volume the administrator is recognized; a foreign one is reported, and InvokeAI stays closed", async () => {
  const api = endApi();
  const root = await volume();
  const first = await guard(api, { root });
  await first.untilAdmin("made");
  await first.kill();
  const second = await guard(api, { root });
  await second.untilAdmin("ours");
  const readVersion = (of: TestGuard) =>
    fetch(`${of.url}/api/v1/app/version`).catch(() => "closed" as const);
  await until("InvokeAI", async () => (await readVersion(second)) !== "closed");
  await second.kill();
  const settings = { admin: { ...admin, password: "a password of another installation" } };
  const third = await guard(api, { root, settings });
  await third.untilAdmin("foreign");
  expect(await readVersion(third)).toBe("closed");
});

test("pictures and web sockets pass unchanged", async () => {
  const started = await guard(endApi());
  await started.untilAdmin("made");
  const login = await until("a login", async () => {
    const answer = await post(`${started.url}/api/v1/auth/login`, admin).catch(() => undefined);
    return answer?.ok === true && ((await answer.json()) as { token: string });
  });
  const headers = { Authorization: `Bearer ${login.token}` };
  const raw = { width: 900, height: 900, channels: 3 } as const;
  const picture = await sharp(randomBytes(900 * 900 * 3), { raw })
    .png({ compressionLevel: 0 })
    .toBuffer();
  const form = new FormData();
  form.set("file", new File([new Uint8Array(picture)], "noise.png", { type: "image/png" }));
  const query = "image_category=user&is_intermediate=false";
  const upload = { method: "POST", headers, body: form };
  const uploaded = await fetch(`${started.url}/api/v1/images/upload?${query}`, upload);
  const { image_name: name } = (await uploaded.json()) as { image_name: string };
  const download = await fetch(`${started.url}/api/v1/images/i/${name}/full`, { headers });
  const pixels = async (bytes: ArrayBuffer | Buffer) => sharp(bytes).raw().toBuffer();
  expect((await pixels(await download.arrayBuffer())).equals(await pixels(picture))).toBe(true);

  const socket = io(started.url, {
    path: "/ws/socket.io",
    transports: ["websocket"],
    extraHeaders: headers,
    reconnection: false,
  });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("connect_error", reject);
    });
  } finally {
    socket.disconnect();
  }
});

test("InvokeAI that ends is started again, with neither the guard's secrets nor the pod's key", async () => {
  const root = await volume();
  const command = [
    "sh",
    "-c",
    'env > "$INVOKEAI_ROOT/new"; mv "$INVOKEAI_ROOT/new" "$INVOKEAI_ROOT/env"; echo >> "$INVOKEAI_ROOT/starts"',
  ];
  const started = await guard(endApi(), { root, command });
  const read = (name: string) =>
    Bun.file(`${root}/${name}`)
      .text()
      .catch(() => "");
  await until("three starts", async () => (await read("starts")).length >= 3);
  const environment = await read("env");
  expect(environment).toContain("INVOKEAI_MULTIUSER=true");
  expect(environment).toContain("INVOKEAI_CLEAR_QUEUE_ON_STARTUP=true");
  expect(environment).toContain("INVOKEAI_HOST=127.0.0.1");
  expect(environment).not.toMatch(/GALLERY_|a-token-of-beats|the-pods-own-key/);
  expect(environment).not.toContain(admin.password);
  expect((await started.beat()).admin).toBe("pending");
});

/** An InvokeAI that ends at the first GET, and whose set-up succeeds only at its first start. */
const forgetful = `
import os, http.server
mark = os.environ["INVOKEAI_ROOT"] + "/started"
status = 500 if os.path.exists(mark) else 200
open(mark, "a").write("x")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(status); self.end_headers()
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.flush(); os._exit(0)
http.server.HTTPServer(("127.0.0.1", int(os.environ["INVOKEAI_PORT"])), Handler).serve_forever()
`;

test("InvokeAI that was started again is closed until its administrator is known again", async () => {
  const root = await volume();
  const started = await guard(endApi(), { root, command: ["python3", "-c", forgetful] });
  await started.untilAdmin("made");
  const read = () => fetch(started.url, { keepalive: false });
  await until("an answer", () => read().catch(() => undefined));
  const marks = () => Bun.file(`${root}/started`).text();
  await until("a second start", async () => (await marks()) === "xx");
  await started.untilAdmin("pending");
  expect(await read().catch(() => "closed")).toBe("closed");
  expect(await marks()).toBe("xx");
});
