import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { foreignEnvironment } from "#stack/environment";
import { tryLock } from "#stack/file-lock";
import type { Guardian } from "#stack/guardian";
import { lastLines, startProcess } from "#stack/process";
import { Refusal } from "#stack/refusal";
import { userCacheFolder } from "#stack/user-cache";
import { waitFor } from "#stack/wait";

const version = "v1.8.0";
const source = `github.com/versity/versitygw/cmd/versitygw@${version}`;
const longestBuildMs = 1_200_000;

/**
 * The S3 server that the tests of the storage use: versitygw on PATH, else built with Go through its module proxy, once
 * per user.
 * @returns its path
 * @throws Refusal that says what to do
 */
export async function findS3Server(
  guardian: Guardian,
  env: Record<string, string | undefined>,
): Promise<string> {
  const onPath = Bun.which("versitygw", { PATH: env["PATH"] ?? "" });
  if (onPath !== null) return onPath;
  const folder = userCacheFolder(env);
  const cached = join(folder, `versitygw-${version}`);
  if (existsSync(cached)) return cached;
  await mkdir(folder, { recursive: true });
  const lock = await waitFor(() => tryLock(join(folder, "versitygw.lock")), {
    timeoutMs: longestBuildMs,
    everyMs: 500,
    onTimeout: () => new Refusal("Another run has been building the S3 server for 20 minutes."),
  });
  const partial = await mkdtemp(join(folder, ".versitygw-"));
  try {
    // Another run may have built it in the meantime.
    if (!existsSync(cached)) await rename(await build(guardian, partial, env), cached);
    return cached;
  } finally {
    await rm(partial, { recursive: true, force: true });
    lock.release();
  }
}

async function build(
  guardian: Guardian,
  folder: string,
  env: Record<string, string | undefined>,
): Promise<string> {
  const go = Bun.which("go", { PATH: env["PATH"] ?? "" });
  if (go === null) {
    throw new Refusal(
      "The tests of the storage need versitygw on PATH, or Go 1.25 or newer to build it: https://go.dev/dl",
    );
  }
  console.error(`versitygw: building ${version} with Go; this takes a minute or two, once …`);
  const running = startProcess(guardian, {
    name: "go install",
    command: [go, "install", "-ldflags=-s -w", source],
    env: { ...foreignEnvironment(env), GOBIN: folder, GOWORK: "off" },
    cwd: folder,
    logPath: join(folder, "build.log"),
    stopSignal: "SIGINT",
  });
  const limit = setTimeout(() => void running.stop(2_000), longestBuildMs);
  const code = await running.exited;
  clearTimeout(limit);
  if (code !== 0) {
    throw new Refusal(`versitygw could not be built:\n${lastLines(running.output(), 5)}`);
  }
  return join(folder, "versitygw");
}
