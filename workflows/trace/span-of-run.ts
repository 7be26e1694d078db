/** The span of a run in the trace of its start: an id that replay finds again. */
export function spanOfRun(parent: string, runId: string): string {
  const [version, traceId, , flags] = parent.split("-");
  return [version, traceId, runId.replaceAll("-", "").slice(16), flags].join("-");
}
