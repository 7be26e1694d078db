import { afterAll, beforeAll, expect, test } from "bun:test";
import type { GalleryClient } from "#tests/support/gallery";
import { startGallery } from "#tests/support/running-gallery";
import type { Stack } from "#tests/support/stack";
import { startTemporalServer } from "#tests/support/temporal-server";

let temporal: Awaited<ReturnType<typeof startTemporalServer>>;
let stack: Stack;
let gallery: GalleryClient;
beforeAll(async () => {
  temporal = await startTemporalServer();
  ({ stack, gallery } = await startGallery({
    temporalAddress: temporal.address,
    waits: "shipped",
  }));
}, 180_000);
afterAll(async () => {
  await stack.stop();
  await temporal.stop();
}, 60_000);

test("a step requested while Temporal is away runs after its return, with the default waits", async () => {
  const session = await gallery.createSession();
  const first = await gallery.requestStep(session["id"]);
  await gallery.stepIs(first["id"], ["completed"]);
  await temporal.kill();
  const step = await gallery.requestStep(session["id"], { parameters: { seed: 200 } });
  expect(step["progress_message"]).toContain("workflow service");
  await temporal.start();
  // At most a minute until the next reconcile, plus the step itself.
  await gallery.stepIs(step["id"], ["completed"], 120_000);
}, 240_000);
