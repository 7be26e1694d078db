import { afterAll, expect, test } from "bun:test";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { createUps, processesOf } from "#tests/support/up";
import { createGalleryClient } from "#tests/support/gallery";
import { fill } from "#tests/support/small-disk";
import { pngOfShade } from "#tests/support/uploads";
import { until } from "#tests/support/wait";

const { newFolder, startUp, stop } = createUps();
afterAll(stop, 60_000);

/** Enough for a new database cluster and the free space that `up` requires, and little more. */
const diskMegabytes = 440;

test("a full disk, also for logs and databases, stops nothing permanently: crashed parts are restarted when there is space", async () => {
  const folder = await newFolder();
  // A disk in a mount namespace, which disappears with the last process in it.
  const up = startUp(["--port", "0", "--data", folder], {}, { folder, megabytes: diskMegabytes });
  await up.isUp();
  const inside = join(`/proc/${up.child.pid}/root`, folder);
  const url = /API +(http:\/\/\S+)\/api\/v1/.exec(up.output())?.[1] ?? "";
  const gallery = createGalleryClient(url);
  const { id } = await gallery.upload(await pngOfShade(1));
  const link = await gallery.post("/share", { photo_id: id });
  const status = async (path: string) =>
    (await fetch(`${url}${path}`).catch(() => undefined))?.status;
  const pidOf = async (words: string) =>
    (await processesOf(folder)).find(({ command }) => command.includes(words))?.pid;

  const filler = join(inside, "filler");
  await fill(filler);

  const refused = await gallery.upload(await pngOfShade(2)).catch((error: Error) => error.message);
  expect(refused).toContain("507");
  expect(await status("/api/v1/photos")).toBe(200);
  expect(await status(`/api/v1/photos/${id}/thumbnail`)).toBe(200);
  expect(await status(`/api/v1/photos/${id}/original`)).not.toBe(500);
  expect(await status(new URL(link["url"]).pathname)).toBe(200);
  // Log lines no longer fit.
  await until("lines that are lost", async () => {
    await fill(filler);
    await gallery.upload(await pngOfShade(3)).catch(() => {});
    const metrics = await (await fetch(`${url}/metrics`)).text();
    return Number(/^gallery_log_lines_lost_total (\d+)$/m.exec(metrics)?.[1]) > 0;
  });

  // The worst case: all of them crash now.
  for (const words of [
    "server start-dev",
    "/postgres -D",
    "api/server.ts",
    "activities/worker.ts",
  ]) {
    const pid = await pidOf(words);
    if (pid !== undefined) process.kill(pid, "SIGKILL");
  }
  await until(
    "parts that wait for disk space",
    () =>
      ["postgres", "worker"].every((name) =>
        new RegExp(`${name} (ended|could).*disk is full`).test(up.output()),
      ),
    60_000,
    up.output,
  );
  expect(up.child.exitCode).toBeNull();
  await rm(filler);

  await until(
    "everything to be ready again",
    async () => {
      const answer = await fetch(`${url}/health/ready`).catch(() => undefined);
      return ((await answer?.json()) as { status?: string } | undefined)?.status === "ok";
    },
    120_000,
    up.output,
  );
  await gallery.upload(await pngOfShade(4));
  const session = await gallery.createSession();
  const step = await gallery.requestStep(session["id"], { parameters: { batch_size: 1 } });
  await gallery.allRetrieved(step["id"], 1, 60_000);
  expect(up.child.exitCode).toBeNull();
  const logs = (await readdir(join(inside, ".stack"))).filter((name) => name.endsWith(".log"));
  expect(logs).toContain("api.log");
  expect(await readFile(join(inside, ".stack/api.log"), "utf8")).toContain('"listening"');
}, 400_000);
