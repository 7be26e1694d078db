import { afterAll, beforeAll, expect, test } from "bun:test";
import { peerOf, rememberPeer } from "#api/peer";
import { createGuessLimit } from "#api/modules/shares/guesses";
import { createAccessKey, hashAccessKey } from "#api/modules/shares/key";
import { insertShareLink } from "#db/queries/shares";
import type { AppError } from "#errors";
import { startApiProcess } from "#tests/support/api-process";
import { insertPhoto } from "#tests/support/rows";

let api: Awaited<ReturnType<typeof startApiProcess>>;
beforeAll(async () => {
  api = await startApiProcess();
}, 60_000);
afterAll(() => api.stop());

const now = new Date("2026-03-01T12:00:00Z");
const later = (minutes: number) => new Date(now.getTime() + minutes * 60_000);

/** How many of so many guesses are taken. */
function taken(guesses: number, count: (n: number) => void): number {
  let amount = 0;
  for (let n = 0; n < guesses; n += 1) {
    try {
      count(n);
      amount += 1;
    } catch (error) {
      expect((error as AppError).kind).toBe("rate_limited");
    }
  }
  return amount;
}

test("a link takes twenty guesses in a quarter of an hour, from however many addresses", () => {
  const limit = createGuessLimit();
  const guess = (at: Date) => (n: number) =>
    limit.count({ linkId: "one", address: `10.0.0.${n}` }, at);
  expect(taken(30, guess(now))).toBe(20);
  expect(taken(1, guess(later(14)))).toBe(0);
  expect(taken(30, guess(later(15)))).toBe(20);
});

test("an address has sixty guesses in a quarter of an hour, at however many links", () => {
  const limit = createGuessLimit();
  const guess = (at: Date) => (n: number) =>
    limit.count({ linkId: `link ${n}`, address: "10.0.0.1" }, at);
  expect(taken(100, guess(now))).toBe(60);
  expect(taken(1, guess(later(14)))).toBe(0);
  expect(taken(1, () => limit.count({ linkId: "a", address: "10.0.0.2" }, now))).toBe(1);
  expect(taken(100, guess(later(15)))).toBe(60);
});

test("an address that is refused uses up nothing of a link", () => {
  const limit = createGuessLimit();
  taken(60, (n) => limit.count({ linkId: `link ${n}`, address: "10.0.0.1" }, now));
  expect(taken(50, () => limit.count({ linkId: "x", address: "10.0.0.1" }, now))).toBe(0);
  expect(taken(50, () => limit.count({ linkId: "x", address: "10.0.0.2" }, now))).toBe(20);
});

test("a sender is counted by its IPv4 address, or by the /64 of its IPv6 one", () => {
  const counted = (address: string) => {
    const request = new Request("http://localhost/");
    rememberPeer(request, address);
    return peerOf(request);
  };
  expect(counted("192.0.2.7")).toBe("192.0.2.7");
  expect(counted("::ffff:192.0.2.7")).toBe("192.0.2.7");
  expect(counted("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2");
  expect(counted("2001:db8:1:2::9")).toBe("2001:db8:1:2");
  expect(counted("2001:db8::9")).toBe("2001:db8:0:0");
  expect(counted("::1")).toBe("0:0:0:0");
  expect(peerOf(new Request("http://localhost/"))).toBeUndefined();
});

test("guesses from one address at several links end in 429 on the server that listens, before any hash", async () => {
  const photo = await insertPhoto(api.database.db);
  const post = (path: string, body: unknown) =>
    fetch(`${api.url}/api/v1/share${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  // As cheap to check as argon2id gets: what is tested is the counting.
  const cheap = { algorithm: "argon2id", memoryCost: 8, timeCost: 1 } as const;
  const passwordHash = await Bun.password.hash("correct horse", cheap);
  const keys = Array.from({ length: 4 }, () => createAccessKey());
  for (const key of keys) {
    await insertShareLink(api.database.db, {
      id: crypto.randomUUID(),
      keyHash: hashAccessKey(key),
      photoId: photo.id,
      albumId: null,
      title: null,
      expiresAt: null,
      passwordHash,
      allowDownload: false,
      showMetadata: false,
      maxViews: null,
    });
  }
  for (const key of keys.slice(0, 3)) {
    for (let n = 0; n < 20; n += 1) {
      expect((await post(`/${key}/unlock`, { password: "wrong" })).status).toBe(401);
    }
  }
  // The fourth link was never guessed at; even its right password is not looked at.
  const refused = await post(`/${keys[3]}/unlock`, { password: "correct horse" });
  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  const form = await fetch(`${api.url}/s/${keys[3]}/unlock`, {
    method: "POST",
    body: new URLSearchParams({ password: "correct horse" }),
    redirect: "manual",
  });
  expect(form.status).toBe(429);
}, 120_000);
