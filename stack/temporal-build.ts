import { cp } from "node:fs/promises";
import { join } from "node:path";
import { foreignEnvironment } from "./environment";
import type { Guardian } from "./guardian";
import { lastLines, startProcess } from "./process";

const longestBuildMs = 1_500_000;

/** The CLI and its server, as pinned in `temporal-server/go.mod`. */
export const builtVersion = "1.5.1-server-1.29.7";

/**
 * Builds the Temporal CLI from source through the Go module proxy into `folder`; takes some minutes, once per user.
 * Later CLI releases need a module that the proxy does not have, so this release is built with a newer server.
 */
export async function buildTemporal(
  folder: string,
  {
    guardian,
    say,
    env,
  }: {
    guardian: Guardian;
    say: (line: string) => void;
    env: Record<string, string | undefined>;
  },
): Promise<string> {
  const go = Bun.which("go", { PATH: env["PATH"] ?? "" });
  if (go === null) throw new Error("there is no `go` on PATH");
  say(`Temporal: building ${builtVersion} with Go; this takes some minutes, once …`);
  const startedAt = performance.now();
  for (const name of ["go.mod", "go.sum"]) {
    await cp(join(import.meta.dir, "temporal-server", name), join(folder, name));
  }
  const target = join(folder, "temporal");
  const build = startProcess(guardian, {
    name: "go build",
    command: [
      go,
      "build",
      "-v",
      "-mod=readonly",
      "-ldflags=-s -w",
      "-o",
      target,
      "github.com/temporalio/cli/cmd/temporal",
    ],
    env: { ...foreignEnvironment(env), GOWORK: "off" },
    cwd: folder,
    logPath: join(folder, "build.log"),
    stopSignal: "SIGINT", // on which Go removes its own temporary folder
  });
  const progress = setInterval(() => {
    const lines = build.output().split("\n");
    const modules = lines.filter((line) => line.startsWith("go: downloading")).length;
    const packages = lines.length - modules - 1;
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    say(
      `Temporal: building, ${seconds} s: ${modules} modules fetched, ${packages} packages compiled`,
    );
  }, 10_000);
  const limit = setTimeout(() => void build.stop(2_000), longestBuildMs);
  const code = await build.exited;
  clearInterval(progress);
  clearTimeout(limit);
  if (code !== 0) throw new Error(`go build failed: ${lastLines(build.output(), 5)}`);
  return target;
}
