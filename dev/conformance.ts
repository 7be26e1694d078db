import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { allowedEnvironment } from "./environment";
import { Refusal } from "./refusal";
import { tellVerdict } from "./test-report";

type Environment = Record<string, string | undefined>;

const credentials = ["INVOKEAI_TOKEN", "INVOKEAI_USER", "INVOKEAI_PASSWORD"];

/**
 * `./gallery test --invokeai URL [--alone]`: puts the questions of tests/conformance/invokeai to the server there,
 * and nothing else. Without `--alone` others may be using it, and what would disturb them is left out.
 * @returns the exit status; what the server cannot show is listed before the last line, `N passed, N failed`
 * @throws Refusal when no InvokeAI answers at the address, or its login is not given
 */
export async function runConformance(
  root: string,
  args: readonly string[],
  env: Environment,
): Promise<number> {
  const { url, isAlone } = readOptions(args);
  const version = await findServer(url, env);
  const who = isAlone ? "that nobody else uses" : "that others may be using";
  console.log(`InvokeAI ${version} at ${url}, ${who}\n`);
  const folder = await mkdtemp(join(tmpdir(), "photo-gallery-"));
  try {
    const report = join(folder, "junit.xml");
    const unshown = join(folder, "unshown.txt");
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
          GALLERY_TEST_INVOKEAI_UNSHOWN: unshown,
        },
        stdin: "ignore",
        stdout: "inherit",
        stderr: "inherit",
      },
    );
    const code = await child.exited;
    listUnshown(await readFile(unshown, "utf8").catch(() => ""));
    return await tellVerdict(report, code);
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
      "It goes: ./gallery test --invokeai http://127.0.0.1:9090 [--alone]; paths and other options do not go with it.",
      { cause },
    );
  }
}

/** The version of the server, which is the proof that it is one. */
async function findServer(url: string, env: Environment): Promise<string> {
  const version = await readField(`${url}/api/v1/app/version`, "version");
  if (typeof version !== "string") {
    throw new Refusal(
      `No InvokeAI answers at ${url}: GET /api/v1/app/version has to give its version as JSON. Start it, or correct the address.`,
    );
  }
  const hasAccounts = await readField(`${url}/api/v1/auth/status`, "multiuser_enabled");
  const hasLogin =
    env["INVOKEAI_TOKEN"] !== undefined ||
    (env["INVOKEAI_USER"] !== undefined && env["INVOKEAI_PASSWORD"] !== undefined);
  if (hasAccounts === true && !hasLogin) {
    throw new Refusal(
      `The InvokeAI at ${url} wants a login: set INVOKEAI_USER and INVOKEAI_PASSWORD (of an admin, best), or INVOKEAI_TOKEN.`,
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

function listUnshown(text: string): void {
  const lines = text.split("\n").filter(Boolean);
  if (lines.length === 0) return console.log("\nthis server has shown all that is asked");
  console.log(`\n${lines.length} promises that this server cannot show:`);
  for (const line of lines) console.log(`  ${line}`);
}
