import { expect, test } from "bun:test";
import { type Finding, runChecks } from "#stack/doctor/finding";
import { checkSettings, readSettings } from "#stack/doctor/settings";

async function warningsOf(env: Record<string, string>): Promise<string> {
  const settings = readSettings({ DATABASE_URL: "postgres://somewhere", ...env });
  const findings = await runChecks([checkSettings(settings, "/nowhere")], 1_000);
  return findings
    .filter(({ state }) => state !== "ok")
    .map(({ state, text }: Finding) => `${state}: ${text}`)
    .join("\n");
}

const token = { API_TOKEN: "0123456789abcdef" };

test.each<[string, Record<string, string>, string]>([
  ["no token on every address", { HOST: "0.0.0.0", ALLOW_UNAUTHENTICATED: "true" }, "API_TOKEN"],
  ["a public address without TLS", { PUBLIC_URL: "http://photos.example.org", ...token }, "http:"],
  ["no trusted proxy", { PUBLIC_URL: "https://photos.example.org", ...token }, "TRUSTED_PROXIES"],
  ["every proxy trusted", { TRUSTED_PROXIES: "10.0.0.1,0.0.0.0/0", ...token }, "0.0.0.0/0"],
  [
    "a password for InvokeAI in plain text",
    { INVOKEAI_LOCAL_URL: "http://gpu.example.org:9090", INVOKEAI_TOKEN: "secret" },
    "unencrypted",
  ],
  ["a log without faults", { LOG_LEVEL: "silent" }, "LOG_LEVEL"],
])("dangerous: %s", async (_, env, word) => {
  const warnings = await warningsOf(env);
  expect(warnings).toStartWith("warning: ");
  expect(warnings).toContain(word);
  expect(warnings).not.toContain(token.API_TOKEN);
});

test.each<[string, Record<string, string>]>([
  ["the defaults", {}],
  ["a token on every address", { HOST: "0.0.0.0", ...token }],
  [
    "a proxy with TLS",
    { PUBLIC_URL: "https://photos.example.org", TRUSTED_PROXIES: "10.0.0.1", ...token },
  ],
  [
    "an InvokeAI in the same network",
    { INVOKEAI_LOCAL_URL: "http://192.168.1.20:9090", INVOKEAI_TOKEN: "secret" },
  ],
])("not dangerous: %s", async (_, env) => {
  expect(await warningsOf(env)).toBe("");
});

test("each invalid setting is a fault", async () => {
  const found = await warningsOf({ PORT: "http", TIME_ZONE: "Mars" });
  expect(found).toMatch(/^fault: invalid: PORT.*\nfault: invalid: TIME_ZONE/);
});

test("a check that hangs is a fault after its time, and what it found stays", async () => {
  const hanging = {
    part: "disk",
    run: async ({ ok }: { ok: (text: string) => void }) => {
      ok("it spins");
      await new Promise(() => {});
    },
  };
  expect(await runChecks([hanging], 20)).toMatchObject([
    { part: "disk", state: "ok" },
    { part: "disk", state: "fault", text: expect.stringContaining("did not end") },
  ]);
});

test("a message of a driver or library is not shown: it may hold a secret", async () => {
  const failing = {
    part: "database",
    run: async () => {
      throw Object.assign(new Error("postgres://gallery:secret@host"), { code: "28P01" });
    },
  };
  const [finding] = await runChecks([failing], 1_000);
  expect(finding?.text).toBe("cannot be checked: 28P01");
});
