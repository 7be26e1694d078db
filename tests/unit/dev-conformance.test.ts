import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { runConformance } from "#dev/conformance";
import { Refusal } from "#dev/refusal";
import { startSimulator } from "#dev/simulators/invokeai/start";

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

test("an address where no InvokeAI answers is refused in words", async () => {
  expect(await refusal(["--invokeai", page.url.href])).toContain("No InvokeAI answers at");
  expect(await refusal(["--invokeai", "http://127.0.0.1:1"])).toContain("No InvokeAI answers at");
});

test("what does not go with a real server is refused in words", async () => {
  expect(await refusal(["--invokeai"])).toContain("It goes: ./gallery test --invokeai");
  expect(await refusal(["--invokeai", page.url.href, "tests/unit"])).toContain("It goes:");
  expect(await refusal(["--invokeai", "file:///tmp"])).toContain("It goes:");
});

test("a server with accounts is not asked without a login", async () => {
  const accounts = { email: "a@example.org", password: "x" };
  const simulator = await startSimulator({ accounts });
  expect(await refusal(["--invokeai", simulator.url])).toContain("wants a login");
  await simulator.stop();
});
