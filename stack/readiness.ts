/** `problems` names each part that is not ready, in the API's words. */
export type Readiness = { isReady: boolean; problems: string[] };

/** Waits until the API reports that it is ready; after `timeoutMs` returns the remaining problems. */
export async function waitUntilReady(
  baseUrl: string,
  timeoutMs: number,
  headers: Record<string, string>,
): Promise<Readiness> {
  const deadline = performance.now() + timeoutMs;
  while (true) {
    const state = await askReadiness(baseUrl, headers);
    if (state.isReady || performance.now() > deadline) return state;
    await Bun.sleep(100);
  }
}

async function askReadiness(baseUrl: string, headers: Record<string, string>): Promise<Readiness> {
  try {
    const response = await fetch(`${baseUrl}/health/ready`, {
      headers,
      signal: AbortSignal.timeout(5_000),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    const problems = Object.entries(answer).flatMap(([part, state]) =>
      part === "status" || state === "ok" ? [] : [`${part}: ${String(state)}`],
    );
    return { isReady: answer["status"] === "ok", problems };
  } catch {
    return { isReady: false, problems: ["the API does not answer yet"] };
  }
}
