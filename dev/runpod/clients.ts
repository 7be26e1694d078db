import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startRunpodSimulator } from "#simulators/runpod/start";
import { allowedEnvironment } from "#stack/environment";
import { Refusal } from "#stack/refusal";
import { driveMcpServer, type Step } from "./drive-mcp";

type Environment = Record<string, string | undefined>;

const mcpServer = "@runpod/mcp-server@4.0.0";
const dstack = "dstack==0.22.5";
const key = "rpa_ofaclient";

/**
 * `./gallery test --runpod-clients`: installs RunPod's MCP server and dstack into a temporary folder and drives them
 * against the RunPod simulator. The last line is `N passed, N failed`.
 * @returns the exit status
 * @throws Refusal when a client cannot be installed
 */
export async function runClients(root: string, env: Environment): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "photo-gallery-clients-"));
  const simulator = await startRunpodSimulator({
    keys: { [key]: "all" },
    billingLagMs: 0,
    timeline: { provisioningMs: 5, startingMs: 5, runtimeMs: 5, terminatingMs: 5 },
  });
  const run = (command: string[]) => runCommand(command, folder, env);
  try {
    console.log(`installing ${mcpServer} …`);
    await Bun.write(join(folder, "package.json"), "{}");
    await run([process.execPath, "add", "--exact", mcpServer]);
    const command = [process.execPath, "node_modules/@runpod/mcp-server/dist/stdio.mjs"];
    const steps = await driveMcpServer(simulator, { command, cwd: folder, key });
    report(mcpServer, steps);

    console.log(`\ninstalling ${dstack} …`);
    const python = join(folder, "python/bin/python");
    await run(["python3", "-m", "venv", "python"]);
    await run([python, "-m", "pip", "install", "--quiet", dstack]);
    const driver = join(root, "dev/runpod/drive_dstack.py");
    const printed = await run([python, driver, simulator.url, key]);
    const more = printed
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Step);
    report(dstack, more);

    const all = [...steps, ...more];
    const failed = all.filter(({ fault }) => fault !== null).length;
    console.log(`\n${all.length - failed} passed, ${failed} failed`);
    return failed === 0 && more.length > 0 ? 0 : 1;
  } finally {
    await simulator.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function report(client: string, steps: readonly Step[]): void {
  for (const { name, fault } of steps) {
    console.log(`${fault === null ? "ok    " : "FAILED"} ${client}  ${name}`);
    if (fault !== null) console.log(`         ${fault}`);
  }
}

/** The command's standard output. @throws Refusal with the end of its other output when it fails */
async function runCommand(command: string[], cwd: string, env: Environment): Promise<string> {
  const child = Bun.spawn(command, {
    cwd,
    env: { ...allowedEnvironment(env), HOME: cwd },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [printed, complaint] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) === 0) return printed;
  const end = complaint.trimEnd().split("\n").slice(-8).join("\n");
  throw new Refusal(`${command.slice(0, 4).join(" ")} failed:\n${end}`);
}
