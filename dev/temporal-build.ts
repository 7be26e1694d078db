import { join } from "node:path";
import type { Guardian } from "./guardian";
import { lastLines, startProcess } from "./process";

const longestBuildMs = 1_500_000;

/** Builds the Temporal CLI from source through the Go module proxy into `folder`: some minutes, once per user. */
export async function buildTemporal(
  folder: string,
  version: string,
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
  say(`Temporal: building ${version} with Go; this takes some minutes, once …`);
  const startedAt = performance.now();
  const build = startProcess(guardian, {
    name: "go install",
    command: [
      go,
      "install",
      "-v",
      "-ldflags=-s -w",
      `github.com/temporalio/cli/cmd/temporal@v${version}`,
    ],
    env: { ...env, GOBIN: folder },
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
  if (code !== 0) throw new Error(`go install failed: ${lastLines(build.output(), 5)}`);
  return join(folder, "temporal");
}
