import { afterAll, expect, test } from "bun:test";
import { smallPng } from "#tests/support/png";
import { createGalleryClient } from "#tests/support/gallery";
import { createUps, runVerb as gallery } from "#tests/support/up";

const { newFolder, preparedFolder, startUp, stop } = createUps();
afterAll(stop, 60_000);

const urlOf = (output: string) => /API +(http:\/\/\S+)\/api\/v1/.exec(output)?.[1] ?? "";

test("a gallery with its own Postgres is backed up while it runs, restored into another folder, and starts there", async () => {
  const [data, elsewhere, backups] = [await preparedFolder(), await newFolder(), await newFolder()];
  const up = startUp(["--port", "0", "--data", data]);
  await up.isUp();
  const before = createGalleryClient(urlOf(up.output()));
  const photo = await before.upload(await smallPng());
  expect(await gallery("backup", backups, "--data", data)).toMatchObject({ code: 0 });
  const refused = await gallery("restore", backups, "--data", data);
  expect([refused.code, refused.output]).toEqual([1, expect.stringContaining("stop it first")]);
  up.child.kill("SIGTERM");
  await up.ended();

  expect(await gallery("verify", "--data", data)).toMatchObject({
    code: 0,
    output: expect.stringContaining("1 original compared"),
  });
  expect(await gallery("restore", backups, "--check")).toMatchObject({ code: 0 });
  const kept = await gallery("restore", backups, "--data", data);
  expect([kept.code, kept.output]).toEqual([1, expect.stringContaining("not empty")]);
  expect(await gallery("restore", backups, "--data", elsewhere)).toMatchObject({ code: 0 });

  const again = startUp(["--port", "0", "--data", elsewhere]);
  await again.isUp();
  const after = createGalleryClient(urlOf(again.output()));
  expect(await after.get(`/photos/${photo["id"]}`)).toMatchObject({
    content_hash: photo["content_hash"],
  });
}, 240_000);

test("a folder without a gallery is not backed up", async () => {
  const [data, backups] = [await newFolder(), await newFolder()];
  const nothing = await gallery("backup", backups, "--data", data);
  expect([nothing.code, nothing.output]).toEqual([
    1,
    expect.stringContaining("There is no gallery"),
  ]);
});
