import { expect, test } from "bun:test";
import { launchChromium } from "#dev/chromium";
import { Refusal } from "#dev/refusal";

test("a browser that is named and not there is no reason to take another, and the reader learns what to install", async () => {
  const env = { PATH: "/usr/bin:/bin", GALLERY_TEST_CHROMIUM: "/nowhere/chromium" };
  const error = await launchChromium(env).catch((fault: unknown) => fault);
  expect(error).toBeInstanceOf(Refusal);
  expect((error as Error).message).toContain("apt-get install chromium");
});
