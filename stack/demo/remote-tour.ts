import { createRunpodControl } from "#simulators/runpod/control-client";
import { findInstallation, openProvider, readConfig } from "../pods/account";
import { findGallery } from "../pods/gallery-api";
import { setUp } from "../pods/setup";
import { Refusal } from "../refusal";
import { runpodEnvironment, type SimulatedRunpod } from "../simulated-runpod";
import { type ApiClient, createApiClient } from "./client";
import { type Narrate, showSteps } from "./narrate";
import { createPodWatch, type PodSession } from "./pod-life";
import { chooseModel, runStep } from "./steps";

type Stack = {
  baseUrl: string;
  dataDir: string;
  headers: Record<string, string>;
  runpod: SimulatedRunpod | undefined;
};

/**
 * Shows how a GPU is rented, used, returned and paid.
 * @returns false when a step of the tour failed; the reason is printed
 */
export async function showRemoteTour(stack: Stack): Promise<boolean> {
  const heading = "A rented GPU, from its setup to its bill. RunPod and InvokeAI are simulated:";
  return showSteps(heading, (narrate) => runTour(stack, narrate));
}

async function runTour(
  { baseUrl, dataDir, headers, runpod }: Stack,
  narrate: Narrate,
): Promise<void> {
  if (!runpod) throw new Error("the stack has no simulated RunPod");
  const api = createApiClient(baseUrl, headers);
  const config = readConfig(runpodEnvironment(runpod));
  const provider = openProvider(config);

  narrate("./gallery pods setup --yes --volume new --remote");
  const installation = await findInstallation(dataDir, undefined);
  await setUp(
    provider,
    {
      gallery: await findGallery(baseUrl, {}),
      gpuType: config.pods.gpuType,
      volumeName: installation?.prefix.replace(/-$/, ""),
    },
    setupOptions,
    { say: indent, ask: async (_, fallback) => fallback },
  );

  narrate("started a pod, because a new volume has no model yet that a step could use:");
  const watch = createPodWatch(api);
  await api.call("POST", "/backend/pod/start");
  await watch.until("ready");

  const model = await chooseModel(api);
  narrate(`requested four pictures with the model ${model.name} (${model.base}):`);
  const session = await api.call<{ id: string }>("POST", "/generation/sessions", {
    entry_type: "scratch",
    title: "Rented",
  });
  const step = await runStep(api, session.id, {
    prompt: "a lighthouse in a storm, dramatic light",
    parameters: { model_key: model.key, batch_size: 4 },
  });

  narrate("set backend.idle_timeout_minutes to 1, the shortest; its default is 30:");
  await api.call("PATCH", "/settings", { backend: { idle_timeout_minutes: 1 } });
  await watch.until("idle");

  narrate("did not wait for that, but returned the pod:");
  await api.call("POST", "/backend/pod/stop");
  const ended = await watch.until("ended");

  narrate("the bill:");
  await showBill(api, { ...step, baseUrl, ended });
  await showMeter(runpod, ended);

  const left = await provider.list();
  if (left.length > 0) throw new Refusal(`RunPod still lists ${left.map(({ id }) => id).join()}.`);
  narrate("RunPod lists no pod any more; the volume keeps the model for the next one.");
  console.log(`
Where to look now:

  another picture     request a step: it rents a pod, which is returned a minute after it
  what each pod cost  ${baseUrl}/api/v1/backend/pod/sessions
  the files on disk   ${dataDir}/photos/{generated,thumbnails}
  the real thing      docs/runpod.md
`);
}

const setupOptions = {
  isSure: true,
  gpuTypes: undefined,
  volume: "new",
  volumeGb: undefined,
  dataCenter: undefined,
  models: undefined,
  sessionBudget: undefined,
  monthBudget: undefined,
  remote: true,
};

function indent(text: string): void {
  console.log(text.replaceAll(/^(?=.)/gm, "     "));
}

type Priced = { cost_usd?: number };

async function showBill(
  api: ApiClient,
  {
    stepId,
    imageIds,
    baseUrl,
    ended,
  }: {
    stepId: string;
    imageIds: string[];
    baseUrl: string;
    ended: PodSession;
  },
): Promise<void> {
  for (const id of imageIds) {
    const { cost_usd: cost } = await api.call<Priced>("GET", `/photos/${id}`);
    showLine("a picture", cost, `${baseUrl}/api/v1/photos/${id}/preview`);
  }
  const { cost_usd: cost } = await api.call<Priced>("GET", `/generation/steps/${stepId}`);
  showLine("all four", cost, "the seconds for which the step had the GPU");
  showLine("overhead", ended.overhead_usd, "start, model and idle time");
  const rate = ended.hourly_rate_usd?.toFixed(4) ?? "?";
  showLine("session", ended.cost_usd, `${ended.seconds.toFixed(1)} s at $${rate} an hour`);
}

/** What the simulated RunPod has counted by itself. */
async function showMeter(
  { apiUrl }: SimulatedRunpod,
  { pod_id: podId }: PodSession,
): Promise<void> {
  const { pods } = await createRunpodControl(apiUrl).state();
  const counted = pods.find(({ id }) => id === podId);
  showLine("RunPod's meter", counted?.totalUsd, `${counted?.seconds.toFixed(1)} s`);
}

function showLine(what: string, dollars: number | undefined, note: string): void {
  const amount = dollars === undefined ? "?" : `$${dollars.toFixed(6)}`;
  console.log(`     ${what.padEnd(15)} ${amount.padStart(10)}  ${note}`);
}
