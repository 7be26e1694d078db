/** The pod that a `podTerminate` mutation names, in its text or its variables; undefined for any other request. */
export function terminatedPodId(body: Buffer): string | undefined {
  let request: { query?: unknown; variables?: unknown };
  try {
    request = JSON.parse(body.toString("utf8")) as typeof request;
  } catch {
    return undefined;
  }
  const query = typeof request.query === "string" ? request.query : "";
  if (!/\bmutation\b[^]*\bpodTerminate\b/.test(query)) return undefined;
  const literal = /podId\s*:\s*"([^"]+)"/.exec(query)?.[1];
  return literal ?? findPodId(request.variables);
}

function findPodId(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { podId } = value as { podId?: unknown };
  if (typeof podId === "string") return podId;
  return Object.values(value)
    .map(findPodId)
    .find((found) => found !== undefined);
}
