import { afterAll, beforeAll, expect, test } from "bun:test";
import { eq, like } from "drizzle-orm";
import { createClientReader, senderOf } from "#api/http/client";
import { createLoginAttempts } from "#api/http/login-attempts";
import { createAccessKey, hashAccessKey } from "#api/modules/shares/key";
import { isDatabaseAway } from "#api/http/database-faults";
import { openDatabase } from "#db/client";
import { deleteAttemptCountsBefore } from "#db/queries/requests/attempt-counts";
import { insertShareLink } from "#db/queries/shares/shares";
import { attemptCounts } from "#db/schema/attempt-counts";
import { shareLinks } from "#db/schema/shares";
import type { AppError } from "#errors";
import { startApiProcess } from "#tests/support/api-process";
import { insertPhoto } from "#tests/support/rows";

let api: Awaited<ReturnType<typeof startApiProcess>>;
beforeAll(async () => {
  api = await startApiProcess();
}, 60_000);
afterAll(() => api.stop());

/** Makes so many attempts; returns how many were accepted. */
async function accepted(attempts: number, count: (n: number) => Promise<void>): Promise<number> {
  let amount = 0;
  for (let n = 0; n < attempts; n += 1) {
    try {
      await count(n);
      amount += 1;
    } catch (error) {
      expect((error as AppError).kind).toBe("rate_limited");
    }
  }
  return amount;
}

/** Ends the windows of all counts. */
const endWindows = () =>
  api.database.db.update(attemptCounts).set({ expire: BigInt(Date.now() - 1) });

test("a link accepts twenty login attempts in 15 minutes, from all addresses together", async () => {
  const limit = createLoginAttempts(api.database);
  const secret = crypto.randomUUID();
  const guess = (n: number) => limit.count({ secret, address: `10.0.0.${n}` });
  expect(await accepted(30, guess)).toBe(20);
  const [row] = await api.database.db
    .select()
    .from(attemptCounts)
    .where(like(attemptCounts.key, `%${secret}`));
  const leftMs = Number(row!.expire) - Date.now();
  expect(leftMs).toBeGreaterThan(14 * 60_000);
  expect(leftMs).toBeLessThanOrEqual(15 * 60_000);
  await endWindows();
  expect(await accepted(30, guess)).toBe(20);
});

test("an address has sixty login attempts in 15 minutes, for all links together", async () => {
  const limit = createLoginAttempts(api.database);
  const guess = (n: number) => limit.count({ secret: `link ${n}`, address: "10.1.0.1" });
  expect(await accepted(100, guess)).toBe(60);
  expect(await accepted(1, () => limit.count({ secret: "a", address: "10.1.0.2" }))).toBe(1);
  await endWindows();
  expect(await accepted(100, guess)).toBe(60);
});

test("an address that is refused uses up no attempts of a link", async () => {
  const limit = createLoginAttempts(api.database);
  await accepted(60, (n) => limit.count({ secret: `some ${n}`, address: "10.2.0.1" }));
  expect(await accepted(50, () => limit.count({ secret: "x", address: "10.2.0.1" }))).toBe(0);
  expect(await accepted(50, () => limit.count({ secret: "x", address: "10.2.0.2" }))).toBe(20);
});

test("processes share the counts, also of concurrent attempts, and a restart keeps them", async () => {
  const limits = [createLoginAttempts(api.database), createLoginAttempts(api.database)];
  const attempts = await Promise.all(
    Array.from({ length: 50 }, (_, n) =>
      accepted(1, () => limits[n % 2]!.count({ secret: "shared", address: undefined })),
    ),
  );
  expect(attempts.reduce((sum, one) => sum + one, 0)).toBe(20);
  const restarted = createLoginAttempts(api.database);
  expect(await accepted(1, () => restarted.count({ secret: "shared", address: undefined }))).toBe(
    0,
  );
});

test("housekeeping deletes expired counts, and only those", async () => {
  const limit = createLoginAttempts(api.database);
  await limit.count({ secret: "over", address: undefined });
  await endWindows();
  await limit.count({ secret: "running", address: undefined });
  expect(await deleteAttemptCountsBefore(api.database.db, new Date())).toBeGreaterThan(0);
  const left = await api.database.db.select({ key: attemptCounts.key }).from(attemptCounts);
  expect(left.map(({ key }) => key)).toEqual([expect.stringContaining("running")]);
});

test("if the database is unavailable, an attempt is refused without hashing", async () => {
  const closed = openDatabase("postgres://nobody@127.0.0.1:9/none", {
    maxConnections: 1,
    applicationName: "test",
  });
  const outcome = await createLoginAttempts(closed)
    .count({ secret: "x", address: undefined })
    .catch((error: unknown) => error);
  expect(isDatabaseAway(outcome)).toBe(true);
  await closed.close();
});

test("a sender is counted by its IPv4 address, or by the /64 of its IPv6 one", () => {
  const readClient = createClientReader([]);
  const counted = (address: string | undefined) =>
    senderOf(readClient(new Request("http://localhost/"), address));
  expect(counted("192.0.2.7")).toBe("192.0.2.7");
  expect(counted("::ffff:192.0.2.7")).toBe("192.0.2.7");
  expect(counted("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2");
  expect(counted("2001:db8:1:2::9")).toBe("2001:db8:1:2");
  expect(counted("2001:db8::9")).toBe("2001:db8:0:0");
  expect(counted("::1")).toBe("0:0:0:0");
  expect(counted(undefined)).toBeUndefined();
});

test("attempts from one address at several links end in 429 on a listening server, before any hashing", async () => {
  const photo = await insertPhoto(api.database.db);
  const post = (path: string, body: unknown) =>
    fetch(`${api.url}/api/v1/share${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  // The cheapest argon2id: this tests the counting.
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
  // The fourth link had no attempts so far; even its right password is refused.
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

test("checking a password costs 64 MiB of memory and two passes", async () => {
  const { id } = await insertPhoto(api.database.db, {});
  await fetch(`${api.url}/api/v1/share`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ photo_id: id, password: "correct horse" }),
  });
  const [link] = await api.database.db
    .select({ passwordHash: shareLinks.passwordHash })
    .from(shareLinks)
    .where(eq(shareLinks.photoId, id));
  expect(link?.passwordHash).toStartWith("$argon2id$v=19$m=65536,t=2,p=1$");
});
