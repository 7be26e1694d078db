import type { RunpodSimulator } from "#simulators/runpod/start";
import { startMcpServer, type ToolResult } from "./mcp";

/** A step of a client: its name, and what went wrong or null. */
export type Step = { name: string; fault: string | null };

const pod = {
  name: "mcp-pod",
  image: "alpine:3",
  gpu: { id: "NVIDIA RTX A5000", count: 1 },
  disk: 10,
  ports: ["9090/http"],
  cmd: ["sleep", "3600"],
};

type Fields = Record<string, unknown>;

/** Drives RunPod's own MCP server, started by `command` in `cwd`, against the simulator. */
export async function driveMcpServer(
  { url, control }: RunpodSimulator,
  { command, cwd, key }: { command: string[]; cwd: string; key: string },
): Promise<Step[]> {
  const env = { PATH: process.env["PATH"] ?? "", HOME: cwd };
  const addresses = { RUNPOD_API_KEY: key, RUNPOD_API_BASE_URL: url };
  const server = await startMcpServer(command, { ...env, ...addresses }, cwd);
  const steps: Step[] = [];

  async function step(
    name: string,
    tool: string,
    args: Fields,
    isRight: (value: Fields, result: ToolResult) => boolean,
  ): Promise<Fields> {
    const result = await server.call(tool, args);
    const value = (result.value ?? {}) as Fields;
    const fault = isRight(value, result) ? null : result.text.slice(0, 400);
    steps.push({ name: `${tool}: ${name}`, fault });
    return value;
  }

  const list = (value: Fields, field: string) => (value[field] ?? []) as Fields[];
  const isRefused = (status: number) => (value: Fields, result: ToolResult) =>
    result.isError && value["status"] === status;

  try {
    await step("keys", "get-ssh-keys", {}, (value) => list(value, "keys").length === 0);
    const gpus = { include: ["AVAILABILITY"], product: ["POD"] };
    await step("stock", "list-gpu-types", gpus, (value) =>
      list(value, "gpus").some((gpu) => gpu["availability"] === "HIGH"),
    );
    await step("places", "list-data-centers", {}, (value) => list(value, "dataCenters").length > 0);
    const { id } = await step("a pod", "create-pod", { body: pod }, (value) => "id" in value);
    const noDisk = { ...pod, disk: undefined };
    await step("no disk", "create-pod", { body: noDisk }, isRefused(400));
    await control.until(({ pods }) => pods[0]?.containerStarts === 1);
    await step("all", "list-pods", {}, (value) => list(value, "pods")[0]?.["id"] === id);
    await step("runs", "get-pod", { id }, (value) => value["status"] === "RUNNING");
    const logs = { podId: id, maxWaitMs: 500 };
    await step("lines", "stream-pod-logs", logs, (value) => list(value, "items").length > 0);
    const rename = { id, body: { name: "renamed" } };
    await step("rename", "update-pod", rename, (value) => value["name"] === "renamed");
    const stop = { id, body: { action: "stop" } };
    await step("stop", "pod-action", stop, (value) => value["cost"] === 0);
    await step("stop again", "pod-action", stop, isRefused(409));
    await control.advance(60_000);
    const bill = { bucketSize: "hour", lastN: 2 };
    await step("bill", "list-pod-billing", bill, (value) => list(value, "records").length > 0);
    await step("end", "delete-pod", { id }, (_, { isError }) => !isError);
    await control.until(({ pods }) => pods[0]?.endedAt != null);
    await step("gone", "get-pod", { id }, isRefused(404));

    const volume = { name: "models", size: 20, dataCenter: "US-TX-3" };
    const made = await step("a volume", "create-network-volume", { body: volume }, (value) =>
      String(value["id"]).startsWith("vol"),
    );
    await step("volumes", "list-network-volumes", {}, (value) =>
      list(value, "networkVolumes").some((each) => each["id"] === made["id"]),
    );
    const gone = { id: made["id"] };
    await step("delete", "delete-network-volume", gone, (_, { isError }) => !isError);
  } finally {
    await server.stop();
  }
  return steps;
}
