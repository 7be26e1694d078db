import type { Check } from "./finding";

const answerTimeoutMs = 6_000;

/** The API, and what it says about the parts that it needs. */
export function checkApi(baseUrl: string, token: string | undefined): Check {
  return {
    part: "api",
    async run({ ok, warning, fault }) {
      const response = await fetch(`${baseUrl}/health/ready`, {
        headers: token ? { Authorization: `Bearer ${token}` } : {},
        signal: AbortSignal.timeout(answerTimeoutMs),
      }).catch(() => undefined);
      if (!response) {
        fault(
          `does not answer at ${baseUrl}`,
          "Start the gallery, or name its address with --api. If it runs, read its log.",
        );
        return;
      }
      if (response.status === 401) {
        warning(
          "answers, but does not accept this API_TOKEN",
          "Give the token that it was started with, or restart it.",
        );
        return;
      }
      const answer = (await response.json().catch(() => ({}))) as Record<string, unknown>;
      if (typeof answer["status"] !== "string") {
        fault(`something else answers at ${baseUrl}`, "Name the gallery's address with --api.");
        return;
      }
      const bad = Object.entries(answer).filter(
        ([part, state]) => part !== "status" && state !== "ok",
      );
      for (const [part, state] of bad) {
        fault(`it says of ${part.replaceAll("_", " ")}: ${String(state)}`, "See that part.");
      }
      if (bad.length === 0) ok(`answers at ${baseUrl} and is ready`);
    },
  };
}
