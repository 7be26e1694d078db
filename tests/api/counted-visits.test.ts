import { afterAll, beforeAll, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { createAccessKey, hashAccessKey } from "#api/modules/shares/key";
import { insertShareLink } from "#db/queries/shares/shares";
import { shareLinks } from "#db/schema/shares";
import { startApiProcess } from "#tests/support/api-process";
import { insertPhoto } from "#tests/support/rows";

let api: Awaited<ReturnType<typeof startApiProcess>>;
beforeAll(async () => {
  api = await startApiProcess();
}, 60_000);
afterAll(() => api.stop());

async function countedLink(maxViews: number): Promise<{ id: string; key: string }> {
  const key = createAccessKey();
  const link = await insertShareLink(api.database.db, {
    id: crypto.randomUUID(),
    keyHash: hashAccessKey(key),
    photoId: (await insertPhoto(api.database.db)).id,
    albumId: null,
    title: null,
    expiresAt: null,
    passwordHash: null,
    allowDownload: false,
    showMetadata: false,
    maxViews,
  });
  return { id: link!.id, key };
}

/** A first visit: a program's first JSON request, or the Open button of the page. */
const visit = (key: string, n: number) =>
  n % 2 === 0
    ? fetch(`${api.url}/api/v1/share/${key}`)
    : fetch(`${api.url}/s/${key}/unlock`, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        redirect: "manual",
      });

test.each([
  [300, 1],
  [50, 7],
])(
  "of %d concurrent first visits to a link with max_views %d, exactly that many are admitted",
  async (visitors, maxViews) => {
    const { id, key } = await countedLink(maxViews);
    const answers = await Promise.all(Array.from({ length: visitors }, (_, n) => visit(key, n)));
    const statuses = answers.map((answer) => answer.status);
    const isLetIn = (status: number) => status === 200 || status === 303;
    expect(statuses.filter(isLetIn)).toHaveLength(maxViews);
    expect(statuses.filter((status) => status === 404)).toHaveLength(visitors - maxViews);
    const [link] = await api.database.db.select().from(shareLinks).where(eq(shareLinks.id, id));
    expect(link!.viewCount).toBe(maxViews);
  },
  60_000,
);
