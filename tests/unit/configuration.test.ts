import { expect, test } from "bun:test";
import { join } from "node:path";
import { ConfigError, loadConfig, variables } from "#config";
import { parseUpOptions } from "#stack/up-options";

const root = join(import.meta.dir, "../..");
const databaseUrl = "postgres://gallery@127.0.0.1/gallery";
const names = Object.keys(variables) as (keyof typeof variables)[];

/** Lines `NAME=value` of `.env.example`; `isActive` is false for those that are commented out. */
async function readExample(): Promise<Map<string, { value: string; isActive: boolean }>> {
  const text = await Bun.file(join(root, ".env.example")).text();
  const lines = text.matchAll(/^(# )?([A-Z][A-Z0-9_]+)=(.*)$/gm);
  return new Map(
    [...lines].map(([, comment, name = "", value = ""]) => [
      name,
      { value, isActive: comment === undefined },
    ]),
  );
}

/** Rows of the table of all variables in docs/configuration.md, cells without code marks. */
async function readTable(): Promise<Map<string, { fallback: string; allowed: string }>> {
  const text = await Bun.file(join(root, "docs/configuration.md")).text();
  const rows = text
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")))
    .filter((cells) => cells.length === 7);
  return new Map(
    rows.map(([, name = "", , fallback = "", allowed = ""]) => [name, { fallback, allowed }]),
  );
}

function defaultOf(name: keyof typeof variables): string | undefined {
  const value: unknown = variables[name].schema.default;
  return value === undefined || typeof value === "string" ? value : JSON.stringify(value);
}

function faultsOf(env: Record<string, string>): string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split("\n");
    throw error;
  }
  return [];
}

test("the example, the document and the program name the same variables", async () => {
  expect([...(await readExample()).keys()].toSorted()).toEqual(names.toSorted());
  expect([...(await readTable()).keys()].toSorted()).toEqual(names.toSorted());
});

test("the document gives each variable's default and what is allowed", async () => {
  const table = await readTable();
  for (const name of names) {
    const { allowed } = variables[name];
    expect(table.get(name)).toEqual({ fallback: defaultOf(name) ?? "none", allowed });
  }
});

test("the example shows every default", async () => {
  const example = await readExample();
  for (const name of names) {
    const fallback = defaultOf(name);
    if (fallback !== undefined) expect([name, example.get(name)?.value]).toEqual([name, fallback]);
  }
});

test("a plain copy of the example changes nothing", async () => {
  const active = [...(await readExample())].filter(([, { isActive }]) => isActive);
  const copy = Object.fromEntries(active.map(([name, { value }]) => [name, value]));
  const base = { DATABASE_URL: databaseUrl };
  expect(loadConfig({ ...base, ...copy })).toEqual(loadConfig(base));

  const folders = { root, calledFrom: root };
  expect(parseUpOptions([], copy, folders)).toEqual(parseUpOptions([], {}, folders));
  // With one of these set, `up` uses that service instead of starting its own.
  for (const name of ["DATABASE_URL", "TEMPORAL_ADDRESS", "INVOKEAI_LOCAL_URL"]) {
    expect(copy).not.toHaveProperty(name);
  }
  for (const name of names) {
    if ("secret" in variables[name]) expect(copy).not.toHaveProperty(name);
  }
});

test("all faults are reported at once, each with the variable, the allowed and the given value", () => {
  const faults = faultsOf({ PORT: "soon", LOG_LEVEL: "loud", INVOKEAI_READ_TIMEOUT: "0" });
  expect(faults).toEqual([
    "DATABASE_URL: a postgres:// URL",
    'PORT: a port, 0 to 65535 (given: "soon")',
    'LOG_LEVEL: fatal, error, warn, info, debug or silent (given: "loud")',
    'INVOKEAI_READ_TIMEOUT: seconds, a number above 0, at most 3600 (given: "0")',
  ]);
});

test("the value of a secret is never shown", () => {
  const secrets = { DATABASE_URL: "hunter2", TEST_DATABASE_URL: "hunter2", API_TOKEN: "hunter2" };
  const faults = faultsOf(secrets);
  expect(faults).toHaveLength(3);
  expect(faults.join("\n")).not.toContain("hunter2");
});

test("a public address needs a token, or the statement that something else authenticates", () => {
  const open = { DATABASE_URL: databaseUrl, HOST: "0.0.0.0" };
  expect(faultsOf(open).join()).toStartWith("API_TOKEN: ");
  expect(faultsOf({ ...open, API_TOKEN: "a-long-enough-token" })).toEqual([]);
  expect(faultsOf({ ...open, ALLOW_UNAUTHENTICATED: "true" })).toEqual([]);
});

test("a server with a public URL or trusted proxies needs a token, whatever ALLOW_UNAUTHENTICATED says", () => {
  const publications: Record<string, string>[] = [
    { PUBLIC_URL: "https://photos.example.org" },
    { TRUSTED_PROXIES: "127.0.0.1" },
    { PUBLIC_URL: "https://photos.example.org", TRUSTED_PROXIES: "10.0.0.0/8" },
  ];
  for (const publication of publications) {
    for (const ALLOW_UNAUTHENTICATED of ["true", "false"]) {
      const env = { DATABASE_URL: databaseUrl, ...publication, ALLOW_UNAUTHENTICATED };
      const [fault, ...others] = faultsOf(env);
      expect(fault).toStartWith(
        `API_TOKEN: needed beside ${Object.keys(publication).join(" and ")},`,
      );
      expect(others).toEqual([]);
      expect(faultsOf({ ...env, API_TOKEN: "a-long-enough-token" })).toEqual([]);
    }
  }
});

test("InvokeAI's login is a user with a password, or a token; half of a login, or both, is refused", () => {
  const user = { DATABASE_URL: databaseUrl, INVOKEAI_USER: "a@example.org" };
  const token = { DATABASE_URL: databaseUrl, INVOKEAI_TOKEN: "t1" };
  expect(faultsOf(user).join()).toStartWith("INVOKEAI_PASSWORD: needed");
  expect(faultsOf({ DATABASE_URL: databaseUrl, INVOKEAI_PASSWORD: "p" }).join()).toStartWith(
    "INVOKEAI_USER: needed",
  );
  const both = { ...user, ...token, INVOKEAI_PASSWORD: "p" };
  expect(faultsOf(both).join()).toStartWith("INVOKEAI_TOKEN: not beside INVOKEAI_USER");
  expect(loadConfig(token).secrets.invokeaiLogin).toEqual({ token: "t1" });
  expect(loadConfig({ ...user, INVOKEAI_PASSWORD: "p" }).secrets.invokeaiLogin).toEqual({
    user: "a@example.org",
    password: "p",
  });
  expect(loadConfig({ DATABASE_URL: databaseUrl }).secrets.invokeaiLogin).toBeNull();
});

test("the tests' database must differ from the owner's", () => {
  const env = { DATABASE_URL: databaseUrl, TEST_DATABASE_URL: databaseUrl };
  expect(faultsOf(env)).toEqual(["TEST_DATABASE_URL: another database than DATABASE_URL"]);
});

test("an empty value counts as unset", () => {
  const config = loadConfig({ DATABASE_URL: databaseUrl, API_TOKEN: "", PORT: " " });
  expect(config.secrets.apiToken).toBeNull();
  expect(config.http.port).toBe(8000);
});

test("the config is deeply frozen", () => {
  const config = loadConfig({ DATABASE_URL: databaseUrl });
  const isFrozen = (value: unknown): boolean =>
    typeof value !== "object" ||
    value === null ||
    (Object.isFrozen(value) && Object.values(value).every(isFrozen));
  expect(isFrozen(config)).toBe(true);
});
