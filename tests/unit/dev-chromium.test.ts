import { expect, test } from "bun:test";
import { launchChromium } from "#dev/chromium";
import { Refusal } from "#stack/refusal";

test("a configured browser that is missing is not replaced by another one, and the message tells what to install", async () => {
  const env = { PATH: "/usr/bin:/bin", GALLERY_TEST_CHROMIUM: "/nowhere/chromium" };
  const error = await launchChromium(env).catch((fault: unknown) => fault);
  expect(error).toBeInstanceOf(Refusal);
  expect((error as Error).message).toContain("apt-get install chromium");
});
