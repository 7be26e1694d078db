import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createClientReader, senderOf } from "#api/http/client";
import { ConfigError, loadConfig } from "#config";
import { startApiProcess } from "#tests/support/api-process";
import { insertPhoto } from "#tests/support/rows";

const token = "a-token-of-the-owner";
const authorization = `Bearer ${token}`;
const trusted = ["127.0.0.1", "10.0.0.0/8", "2001:db8:ffff::/48"];

/** The client address to which a request from `peer` with these headers is attributed. */
function seen(peer: string | undefined, headers: Record<string, string>) {
  const request = new Request("http://localhost/", { headers });
  const client = createClientReader(trusted)(request, peer);
  const { isHttps, host } = client;
  return { counted: senderOf(client), isHttps, host };
}

describe("X-Forwarded-For", () => {
  const cases: [string, string | undefined, string, string | undefined][] = [
    ["from an untrusted peer is ignored", "192.0.2.7", "198.51.100.1", "192.0.2.7"],
    ["from a trusted proxy names the client", "127.0.0.1", "198.51.100.1", "198.51.100.1"],
    [
      "is read up to the first untrusted address",
      "127.0.0.1",
      "203.0.113.9, 198.51.100.1",
      "198.51.100.1",
    ],
    [
      "is followed through a chain of trusted proxies",
      "127.0.0.1",
      "198.51.100.1, 10.0.0.3, 10.9.9.9",
      "198.51.100.1",
    ],
    [
      "is not followed past an untrusted address, even if trusted ones precede it",
      "127.0.0.1",
      "203.0.113.9, 10.0.0.3, 198.51.100.1, 10.0.0.3",
      "198.51.100.1",
    ],
    ["with trusted addresses only names the first", "127.0.0.1", "10.1.1.1, 10.2.2.2", "10.1.1.1"],
    ["may have ports", "127.0.0.1", "198.51.100.1:5678", "198.51.100.1"],
    ["may have IPv6 in brackets", "127.0.0.1", "[2001:db8:1:2::9]:443", "2001:db8:1:2"],
    ["may have IPv6 without brackets", "127.0.0.1", "2001:db8:1:2::9", "2001:db8:1:2"],
    ["treats IPv4-mapped IPv6 as IPv4", "::ffff:127.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"],
    [
      "that cannot be parsed counts as the proxy's",
      "127.0.0.1",
      "198.51.100.1, unknown",
      "127.0.0.1",
    ],
    ["accepts no other notation of IPv4", "127.0.0.1", "0x7f.1", "127.0.0.1"],
    ["that is empty counts as the proxy's", "127.0.0.1", "", "127.0.0.1"],
    [
      "from a trusted IPv6 range names the client",
      "2001:db8:ffff::1",
      "198.51.100.1",
      "198.51.100.1",
    ],
    ["without a peer address is ignored", undefined, "198.51.100.1", undefined],
  ];
  test.each(cases)("%s", (_promise, peer, chain, counted) => {
    expect(seen(peer, { "x-forwarded-for": chain }).counted).toBe(counted);
  });
});

test("forwarded scheme and host are accepted from a trusted proxy only", () => {
  const headers = { "x-forwarded-proto": "https", "x-forwarded-host": "Photos.example.org" };
  expect(seen("10.0.0.1", headers)).toMatchObject({ isHttps: true, host: "photos.example.org" });
  expect(seen("192.0.2.7", headers)).toMatchObject({ isHttps: false, host: "localhost" });
  const spoofed = { "x-forwarded-proto": "https, http", "x-forwarded-host": "evil, localhost" };
  expect(seen("10.0.0.1", spoofed)).toMatchObject({ isHttps: false, host: "localhost" });
});

test("TRUSTED_PROXIES is refused at start if an entry is not an address or range", () => {
  const load = (TRUSTED_PROXIES: string) =>
    loadConfig({
      DATABASE_URL: "postgres://gallery@127.0.0.1/gallery",
      API_TOKEN: token,
      TRUSTED_PROXIES,
    });
  expect(load("127.0.0.1, 10.0.0.0/8,::1,fd00::/8").http.trustedProxies).toHaveLength(4);
  for (const wrong of ["proxy.local", "10.0.0.0/33", "10.0.0.0/8/8", "10.0.0", "::1/129", "*"]) {
    expect(() => load(`127.0.0.1,${wrong}`)).toThrow(ConfigError);
  }
});

describe("on the server that listens", () => {
  let behind: Awaited<ReturnType<typeof startApiProcess>>;
  let open: Awaited<ReturnType<typeof startApiProcess>>;
  beforeAll(async () => {
    [behind, open] = await Promise.all([
      startApiProcess({
        API_TOKEN: token,
        TRUSTED_PROXIES: "127.0.0.1",
        ALLOWED_HOSTS: "photos.example.org",
      }),
      startApiProcess(),
    ]);
  }, 60_000);
  afterAll(() => Promise.all([behind.stop(), open.stop()]));

  const proxied = { "x-forwarded-host": "photos.example.org", "x-forwarded-proto": "https" };

  async function linkOf(api: typeof behind): Promise<string> {
    const photo = await insertPhoto(api.database.db);
    const answer = await fetch(`${api.url}/api/v1/share`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization, ...proxied },
      body: JSON.stringify({ photo_id: photo.id }),
    });
    return ((await answer.json()) as { url: string }).url;
  }

  test("a link has the host that the client requested from the proxy", async () => {
    expect(await linkOf(behind)).toStartWith("https://photos.example.org/s/");
    expect(await linkOf(open)).toStartWith(`${open.url}/s/`);
  });

  test("a host that is not allowed is refused, in Host and in the forwarded host", async () => {
    const status = async (headers: Record<string, string>) =>
      (await fetch(`${behind.url}/health`, { headers })).status;
    expect(await status({ "x-forwarded-host": "evil.example" })).toBe(403);
    expect(await status({ host: "evil.example", "x-forwarded-host": "localhost" })).toBe(403);
    expect(await status(proxied)).toBe(200);
  });

  test("a page of the proxied origin may make changes, a page of another origin may not", async () => {
    const change = (origin: string) =>
      fetch(`${behind.url}/api/v1/photos/${crypto.randomUUID()}`, {
        method: "DELETE",
        headers: { ...proxied, authorization, origin },
      });
    expect((await change("https://photos.example.org")).status).toBe(404);
    expect((await change("https://evil.example")).status).toBe(403);
  });
});
