import { createApiClient } from "#stack/demo/client";
import { uploadAlbum } from "./album";
import { inGallery, keep, take } from "./gallery";
import { makeRuns } from "./runs";
import { drawSession } from "./session";
import { shots } from "./shots";

/**
 * `bun dev/screenshots/main.ts`: starts a gallery of its own, shares an album painted for this, generates a picture, and
 * renews the pictures of the share pages, of the workflows' runs and of a session in docs/images/.
 */
const settled = { waitUntil: "networkidle" } as const;

await inGallery(async ({ baseUrl, headers }, browser) => {
  const api = createApiClient(baseUrl, headers);
  const albumId = await uploadAlbum(api);
  const link = await api.call<{ access_key: string }>("POST", "/share", {
    album_id: albumId,
    allow_download: true,
    show_metadata: true,
  });
  const album = shots.map((shot) => ({ ...shot, url: `${baseUrl}/s/${link.access_key}/` }));
  for (const shot of [...album, ...(await makeRuns(api))]) {
    await keep(shot.name, await take(browser, shot, (page) => page.goto(shot.url, settled)));
  }
  const session = await drawSession(api, baseUrl);
  const window = { viewport: { width: 1300, height: 600 } };
  await keep(
    "session",
    await take(browser, { window }, (page) => page.setContent(session, settled)),
  );
});
