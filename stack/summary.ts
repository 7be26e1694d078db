type Stack = {
  baseUrl: string;
  temporalUiUrl: string | undefined;
  dataDir: string;
  logsDir: string;
  invokeai: { url: string; isSimulated: boolean };
  /** Simulated. */
  runpod: { apiUrl: string } | undefined;
  needsToken: boolean;
};

/** The text that `up` prints once everything runs. */
export function describeStack(stack: Stack): string {
  const rows = [
    ["API", `${stack.baseUrl}/api/v1${stack.needsToken ? " (with API_TOKEN as bearer)" : ""}`],
    ["Swagger UI", `${stack.baseUrl}/docs`],
    ["Temporal web UI", stack.temporalUiUrl ?? "at the address of your Temporal service"],
    ["data folder", stack.dataDir],
    ["logs", stack.logsDir],
    ["InvokeAI", describeInvokeai(stack)],
    ...(stack.runpod
      ? [["RunPod", `${stack.runpod.apiUrl} (SIMULATED: no account, no key and no money is used)`]]
      : []),
  ];
  return rows.map(([name = "", value]) => `  ${name.padEnd(16)} ${value}`).join("\n");
}

function describeInvokeai({ invokeai, runpod }: Stack): string {
  if (!invokeai.isSimulated) return invokeai.url;
  const advice = runpod ? "" : " Set INVOKEAI_LOCAL_URL for a real one.";
  return `SIMULATED: images are painted here, not generated.${advice}`;
}
