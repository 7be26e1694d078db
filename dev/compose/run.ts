import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Refusal } from "#stack/refusal";
import { printVerdict } from "../test-report";
import { openEngine } from "./engine";
import { createOwner, type Owner } from "./owner";
import { createProject, type Project } from "./project";
import { type ComposePromise, engineKilled, promises } from "./promises";

/**
 * `./gallery test --compose [--kill-engine COMMAND]`: builds the image, starts docker-compose.yml with it and a simulated
 * InvokeAI, and checks each promise; after each, everything has to be well again and every photo there.
 * @returns the exit status; the last line printed is `N passed, N failed`
 * @throws Refusal without a container engine
 */
export async function runComposeTests(
  root: string,
  args: readonly string[],
  env: Record<string, string | undefined>,
): Promise<number> {
  const killEngine = readOptions(args);
  const engine = await openEngine(root, env);
  const project = await createProject(engine, root);
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const judge = async (title: string, keep: () => Promise<void>) => {
    const startedAt = performance.now();
    const fault = await keep().then(
      () => undefined,
      (error: Error) => error.message,
    );
    counts[fault === undefined ? "passed" : "failed"] += 1;
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(6);
    console.log(`${fault === undefined ? "ok    " : "FAILED"} ${seconds} s  ${title}`);
    if (fault !== undefined) console.log(`       ${fault}`);
    return fault === undefined;
  };
  const stop = () => void project.remove().finally(() => process.exit(130));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, stop);
  try {
    const isUp =
      (await judge("the builder finds no fault in Dockerfile and docker-compose.yml", () =>
        lint(project, root),
      )) &&
      (await judge("the image is built", () => build(project))) &&
      (await judge("one command starts everything from nothing", async () => {
        await project.up();
      }));
    if (isUp) {
      const owner = await createOwner(project);
      const all = killEngine === undefined ? promises : [...promises, engineKilled(killEngine)];
      for (const promise of all) {
        await judge(promise.title, () => keepAndCheck(promise, { project, owner }));
      }
      console.log(`\nin the end: ${owner.counts()}`);
      if (killEngine === undefined) console.log("not tried without --kill-engine: a killed engine");
    }
    if (counts.failed > 0) await keepLogs(project);
  } finally {
    await project.remove();
  }
  return printVerdict(counts, 0);
}

function readOptions(args: readonly string[]): string | undefined {
  try {
    return parseArgs({
      args: [...args],
      options: { compose: { type: "boolean" }, "kill-engine": { type: "string" } },
    }).values["kill-engine"];
  } catch (cause) {
    throw new Refusal("Usage: ./gallery test --compose [--kill-engine COMMAND], without paths.", {
      cause,
    });
  }
}

async function lint(project: Project, root: string): Promise<void> {
  await project.init();
  await project.docker("build", "--check", root);
  await project.compose("--profile", "*", "config", "--quiet");
}

async function build(project: Project): Promise<void> {
  await project.build("one");
  await project.buildSimulator();
  await project.createVolumes();
}

async function keepAndCheck(
  { keep }: ComposePromise,
  world: { project: Project; owner: Owner },
): Promise<void> {
  await keep(world);
  await world.owner.waitUntilWell();
  await world.owner.checkPhotos();
}

async function keepLogs(project: Project): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "gallery-compose-logs-"));
  await writeFile(join(folder, "logs"), await project.logs());
  console.log(`the containers' logs: ${folder}/logs`);
}
