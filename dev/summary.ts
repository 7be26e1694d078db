/** What `up` prints once everything runs. */
export function describeStack(stack: {
  baseUrl: string;
  temporalUiUrl: string | undefined;
  dataDir: string;
  logsDir: string;
  invokeai: { url: string; isSimulated: boolean };
  needsToken: boolean;
}): string {
  const rows = [
    ["API", `${stack.baseUrl}/api/v1${stack.needsToken ? " (with API_TOKEN as bearer)" : ""}`],
    ["Swagger UI", `${stack.baseUrl}/docs`],
    ["Temporal web UI", stack.temporalUiUrl ?? "wherever your Temporal service has it"],
    ["data folder", stack.dataDir],
    ["logs", stack.logsDir],
    [
      "InvokeAI",
      stack.invokeai.isSimulated
        ? "SIMULATED: images are painted here, not generated. Set INVOKEAI_LOCAL_URL for a real one."
        : stack.invokeai.url,
    ],
  ];
  return rows.map(([name = "", value]) => `  ${name.padEnd(16)} ${value}`).join("\n");
}
