import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { allowedEnvironment } from "#stack/environment";
import { Refusal } from "#stack/refusal";
import { printVerdict, readCounts } from "./test-report";

type Environment = Record<string, string | undefined>;

const credentials = ["INVOKEAI_TOKEN", "INVOKEAI_USER", "INVOKEAI_PASSWORD"];

/**
 * `./gallery test --invokeai URL [--alone]`: runs only tests/conformance/invokeai, against that server. Without
 * `--alone`, tests that would disturb other users are left out.
 * @returns the exit status; promises that could not be tested there are listed before the last line, `N passed, N failed`
 * @throws Refusal when no InvokeAI answers at the address, or its login is missing
 */
export async function runConformance(
  root: string,
  args: readonly string[],
  env: Environment,
): Promise<number> {
  const { url, isAlone } = readOptions(args);
  const version = await findServer(url, env);
  const who = isAlone ? "used by this suite alone" : "possibly used by others";
  console.log(`InvokeAI ${version} at ${url}, ${who}\n`);
  const folder = await mkdtemp(join(tmpdir(), "photo-gallery-"));
  try {
    const report = join(folder, "junit.xml");
    const untested = join(folder, "untested.txt");
    const child = Bun.spawn(
      [
        process.execPath,
        "--no-env-file",
        "test",
        "--timeout=600000",
        "--reporter=junit",
        `--reporter-outfile=${report}`,
        "./tests/conformance/invokeai",
      ],
      {
        cwd: root,
        env: {
          ...allowedEnvironment(env),
          ...Object.fromEntries(credentials.map((name) => [name, env[name]])),
          GALLERY_TEST_INVOKEAI_URL: url,
          GALLERY_TEST_INVOKEAI_ALONE: String(isAlone),
          GALLERY_TEST_INVOKEAI_UNTESTED: untested,
        },
        stdin: "ignore",
        stdout: "inherit",
        stderr: "inherit",
      },
    );
    const code = await child.exited;
    listUntested(await readFile(untested, "utf8").catch(() => ""));
    return printVerdict(await readCounts(report), code);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function readOptions(args: readonly string[]): { url: string; isAlone: boolean } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { invokeai: { type: "string" }, alone: { type: "boolean", default: false } },
    });
    const url = new URL(values.invokeai ?? "");
    if (!/^https?:$/.test(url.protocol)) throw new Error("no web address");
    return { url: url.href.replace(/\/+$/, ""), isAlone: values.alone };
  } catch (cause) {
    throw new Refusal(
      "Usage: ./gallery test --invokeai http://127.0.0.1:9090 [--alone], without paths and other options.",
      { cause },
    );
  }
}

/** The server's version, which also proves that it is an InvokeAI. */
async function findServer(url: string, env: Environment): Promise<string> {
  const version = await readField(`${url}/api/v1/app/version`, "version");
  if (typeof version !== "string") {
    throw new Refusal(
      `No InvokeAI answers at ${url}: GET /api/v1/app/version has to return its version as JSON. Start it, or correct the address.`,
    );
  }
  const hasAccounts = await readField(`${url}/api/v1/auth/status`, "multiuser_enabled");
  const hasLogin =
    env["INVOKEAI_TOKEN"] !== undefined ||
    (env["INVOKEAI_USER"] !== undefined && env["INVOKEAI_PASSWORD"] !== undefined);
  if (hasAccounts === true && !hasLogin) {
    throw new Refusal(
      `The InvokeAI at ${url} requires a login: set INVOKEAI_USER and INVOKEAI_PASSWORD (of an admin, best), or INVOKEAI_TOKEN.`,
    );
  }
  return version;
}

async function readField(url: string, name: string): Promise<unknown> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(30_000), redirect: "error" });
    return ((await response.json()) as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

function listUntested(text: string): void {
  const lines = text.split("\n").filter(Boolean);
  if (lines.length === 0) return console.log("\nevery promise was tested on this server");
  console.log(`\n${lines.length} promises could not be tested on this server:`);
  for (const line of lines) console.log(`  ${line}`);
}
