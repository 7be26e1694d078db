import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { simulatedKey } from "#simulators/runpod/start";
import { runPods } from "#stack/pods/main";
import { Refusal } from "#stack/refusal";
import { startApiProcess } from "#tests/support/api-process";
import { podRequest, startRunpod } from "#tests/support/runpod";

const root = join(import.meta.dir, "../..");
const installation = "0123abcd-4567-4aaa-8bbb-0123456789ab";
const ours = { name: "gallery-0123abcd4567-01JDXYZABCDEF" };
const ofOther = { name: "gallery-fedcba987654-01JDXYZABCDEF" };
const strangers = { name: "gallery-of-somebody" };

let runpod: Awaited<ReturnType<typeof startRunpod>>;
let api: Awaited<ReturnType<typeof startApiProcess>>;
let folder: string;

beforeAll(async () => {
  runpod = await startRunpod();
  api = await startApiProcess({ RUNPOD_API_KEY: simulatedKey });
  folder = await mkdtemp(join(tmpdir(), "gallery-pods-"));
  await writeMarker(folder, installation);
}, 60_000);
afterAll(async () => {
  await Promise.all([runpod.stop(), api.stop()]);
  await rm(folder, { recursive: true });
});
afterEach(async () => {
  await runpod.control.clearFaults();
  for (const { id } of await runpod.control.livingPods()) {
    await runpod.call("DELETE", `/v2/pods/${id}`);
  }
  await runpod.control.until(({ pods }) => pods.every(({ endedAt }) => endedAt !== null));
});

async function writeMarker(dataDir: string, id: string): Promise<void> {
  await mkdir(join(dataDir, "photos"), { recursive: true });
  await writeFile(join(dataDir, "photos", ".installation"), `${id}\nareas marked\n`);
}

/** The data folder of another gallery, which has no volume. */
async function makeOther() {
  const id = crypto.randomUUID();
  const dataDir = join(folder, id);
  await writeMarker(dataDir, id);
  return {
    env: { DATA_DIR: dataDir },
    volumeName: `gallery-${id.replaceAll("-", "").slice(0, 12)}`,
  };
}

/** Runs a command with these answers; nothing of the gallery runs unless `--api` names it. */
async function run(args: string[], answers: string[] = [], env: Record<string, string> = {}) {
  const lines: string[] = [];
  const questions: string[] = [];
  const reachable = {
    RUNPOD_API_KEY: simulatedKey,
    RUNPOD_API_URL: runpod.url,
    DATA_DIR: folder,
    // The discard port: nobody answers.
    PORT: "9",
    ...env,
  };
  const terminal = {
    say: (line: string) => void lines.push(line),
    ask: async (question: string, fallback: string) => {
      questions.push(question);
      return answers.shift() ?? fallback;
    },
  };
  const places = { root, calledFrom: root };
  const status = await runPods(args, reachable, places, terminal);
  return { status, text: lines.join("\n"), questions };
}

async function refusalOf(args: string[], answers: string[] = [], env = {}): Promise<string> {
  const error = await run(args, answers, env).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Refusal);
  return (error as Refusal).message;
}

const livingNames = async () =>
  (await runpod.control.livingPods()).map(({ name }) => name).toSorted();
const create = (pod: { name: string }) => runpod.createPod({ ...podRequest, ...pod });

test("stop-all ends the pods of this installation alone, with everything else down", async () => {
  for (const pod of [ours, ours, ofOther, strangers]) await create(pod);
  const child = Bun.spawn([process.execPath, "--no-env-file", "cli.ts", "pods", "stop-all"], {
    cwd: root,
    env: { RUNPOD_API_KEY: simulatedKey, RUNPOD_API_URL: runpod.url, DATA_DIR: folder },
    stdout: "pipe",
    stderr: "pipe",
  });
  const output = await new Response(child.stdout).text();
  expect([await child.exited, output]).toEqual([0, expect.stringContaining("no longer lists")]);
  expect(await livingNames()).toEqual([ofOther.name, strangers.name].toSorted());
});

test("stop-all knows an installation by its id when the data folder is lost", async () => {
  await create(ours);
  await create(ofOther);
  const lost = { DATA_DIR: join(folder, "lost") };
  expect(await refusalOf(["stop-all"], [], lost)).toContain("--installation");
  await run(["stop-all", "--installation", installation], [], lost);
  expect(await livingNames()).toEqual([ofOther.name]);
  await run(["stop-all", "--installation", "fedcba987654"], [], lost);
  expect(await livingNames()).toEqual([]);
  expect(await refusalOf(["stop-all", "--installation", "gallery"])).toContain("--installation");
});

test("stop-all for any installation asks first, and leaves what no gallery made", async () => {
  for (const pod of [ours, ofOther, strangers]) await create(pod);
  expect(await refusalOf(["stop-all", "--any-installation"], ["no"])).toBe("Nothing was ended.");
  expect(await livingNames()).toHaveLength(3);
  const { status } = await run(["stop-all", "--any-installation"], ["yes"]);
  expect([status, await livingNames()]).toEqual([0, [strangers.name]]);
});

test("stop-all goes on while RunPod refuses, lists late or is away, and pages the list", async () => {
  for (let n = 0; n < 3; n++) await create(ours);
  await runpod.control.addFault({ kind: "status", route: "listPods", status: 502, times: 1 });
  await runpod.control.addFault({ kind: "delete_refused", times: 2 });
  await runpod.control.addFault({ kind: "short_pages", size: 1 });
  const { status, text } = await run(["stop-all"]);
  expect([status, await livingNames()]).toEqual([0, []]);
  expect(text).toContain("Trying again");
}, 60_000);

test("list shows every pod with its owner and price, and what volumes cost a month", async () => {
  for (const pod of [ours, ofOther, strangers]) await create(pod);
  const volume = { name: "models", size: 50, dataCenter: "EU-RO-1" };
  const { id } = await runpod.read<{ id: string }>("POST", "/v2/network-volumes", volume);
  const { text } = await run(["list"]);
  const lineOf = (word: string) => text.split("\n").find((line) => line.includes(word));
  expect(lineOf(ours.name)).toMatch(/NVIDIA RTX A5000.*\$0\.29.*this gallery/);
  expect(lineOf(ofOther.name)).toContain("a gallery");
  expect(lineOf(strangers.name)).toContain("something else");
  expect(lineOf(id)).toMatch(/50 .*EU-RO-1.*\$3\.50/);
  await runpod.call("DELETE", `/v2/network-volumes/${id}`);
});

test("offers shows what fits and is in stock, the cheapest first; --all the rest", async () => {
  await runpod.control.addFault({ kind: "no_capacity", gpu: "NVIDIA L4" });
  const { text } = await run(["offers"]);
  const at = (gpu: string) => text.indexOf(gpu);
  expect(at("NVIDIA RTX A4000 ")).toBeLessThan(at("NVIDIA GeForce RTX 4090"));
  expect(text).not.toContain("NVIDIA L4 ");
  expect((await run(["offers", "--all"])).text).toMatch(/NVIDIA L4 .*sold out/);
});

test("without a key, or with a wrong one, each command says so and never shows it", async () => {
  for (const command of ["offers", "list", "doctor", "stop-all", "setup"]) {
    expect(await refusalOf([command], [], { RUNPOD_API_KEY: "" })).toContain("RUNPOD_API_KEY");
  }
  const wrong = { RUNPOD_API_KEY: "rpa_WRONGKEY000" };
  const messages = [await refusalOf(["list"], [], wrong), await refusalOf(["setup"], [], wrong)];
  const { status, text } = await run(["doctor"], [], wrong);
  expect(status).toBe(1);
  for (const message of [...messages, text]) expect(message).not.toContain("WRONGKEY");
});

test("setup with --yes and options stores all of it through the API, and doctor agrees", async () => {
  const args = ["setup", "--yes", "--gpu", "A5000", "--gpu", "RTX 4090", "--model", "sdxl"];
  args.push("--session-budget", "2", "--month-budget", "none", "--remote", "--api", api.url);
  const { status, questions } = await run([...args, "--volume", "new", "--volume-size", "20"]);
  expect([status, questions]).toEqual([0, []]);
  const settings = (await (await fetch(`${api.url}/api/v1/settings`)).json()) as {
    backend: { volume_id: string };
  };
  const { volumes } = await runpod.control.state();
  expect(volumes.at(-1)).toMatchObject({ name: "gallery-0123abcd4567", size: 20 });
  expect(settings.backend).toMatchObject({
    mode: "remote",
    gpu_types: ["NVIDIA RTX A5000", "NVIDIA GeForce RTX 4090"],
    volume_id: volumes.at(-1)!.id,
    models: ["RunDiffusion/Juggernaut-XL-v9"],
    max_session_cost_usd: 2,
    max_month_cost_usd: null,
  });
  // Repeated, it uses the volume that it made.
  await run([...args, "--volume", "new"]);
  expect((await runpod.control.state()).volumes).toHaveLength(volumes.length);
  const report = await run(["doctor", "--api", api.url]);
  expect(report.text).toContain(`ok  volume ${settings.backend.volume_id}`);
  expect(report.text).toContain("--  budgets: $2.00 a session, no limit a month");
});

test("setup asks before it makes a volume, names its price, and makes none after a no", async () => {
  const { env, volumeName } = await makeOther();
  const volumesOfIt = async () =>
    (await runpod.control.state()).volumes.filter(({ name }) => name === volumeName);
  const setup = ["setup", "--api", api.url];
  const choices = ["A5000", "new", "eu-ro-1", "100"];
  expect(await refusalOf(setup, [...choices, "no"], env)).toBe("No volume was made.");
  expect(await volumesOfIt()).toEqual([]);
  const { questions } = await run(setup, [...choices, "yes"], env);
  expect(questions).toContainEqual(expect.stringMatching(/100 GB in EU-RO-1 for \$7\.00 a month/));
  expect(await volumesOfIt()).toMatchObject([{ size: 100 }]);
});

test("a volume whose answer was lost is not made twice", async () => {
  await runpod.control.addFault({ kind: "answer_lost", route: "createVolume", times: 1 });
  const { env, volumeName } = await makeOther();
  const args = ["setup", "--yes", "--volume", "new", "--api", api.url];
  expect((await run(args, [], env)).status).toBe(0);
  const { volumes } = await runpod.control.state();
  expect(volumes.filter(({ name }) => name === volumeName)).toHaveLength(1);
});

test("setup without a running gallery stores nothing and says what to do", async () => {
  const { status, text } = await run(["setup", "--yes"]);
  expect(status).toBe(1);
  expect(text).toContain("./gallery up");
  expect(text).toContain("/api/v1/settings");
});

test.each([
  [["stop"], "unknown command"],
  [["list", "--yes"], "--yes"],
  [["setup", "--yes", "--gpu", "A5500"], "near: "],
  [["setup", "--yes", "--month-budget", "much"], "--month-budget"],
  [["setup", "--yes", "--volume", "vol_unknown"], "vol_unknown"],
  [["setup", "--yes", "--volume", "new", "--volume-size", "5"], "--volume-size"],
])("%p is refused with what is wrong", async (args, message) => {
  expect(await refusalOf(args)).toContain(message);
});
