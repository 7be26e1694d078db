import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { runConformance } from "#dev/conformance";
import { Refusal } from "#stack/refusal";
import { startSimulator } from "#simulators/invokeai/start";

const root = join(import.meta.dir, "../..");
const page = Bun.serve({ port: 0, fetch: () => new Response("<html></html>") });
afterAll(() => page.stop(true));

async function refusal(args: string[]): Promise<string> {
  try {
    await runConformance(root, args, {});
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
  return "";
}

test("an address where no InvokeAI answers is refused with a message", async () => {
  expect(await refusal(["--invokeai", page.url.href])).toContain("No InvokeAI answers at");
  expect(await refusal(["--invokeai", "http://127.0.0.1:1"])).toContain("No InvokeAI answers at");
});

test("arguments that do not apply to a real server are refused with a message", async () => {
  expect(await refusal(["--invokeai"])).toContain("Usage: ./gallery test --invokeai");
  expect(await refusal(["--invokeai", page.url.href, "tests/unit"])).toContain("Usage:");
  expect(await refusal(["--invokeai", "file:///tmp"])).toContain("Usage:");
});

test("a server with accounts is refused without a login", async () => {
  const accounts = { email: "a@example.org", password: "x" };
  const simulator = await startSimulator({ accounts });
  expect(await refusal(["--invokeai", simulator.url])).toContain("requires a login");
  await simulator.stop();
});
