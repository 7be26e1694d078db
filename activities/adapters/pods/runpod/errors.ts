import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { ProviderError } from "#errors";
import { parseRetryAfter } from "../../http-failures";
import type { CreateOutcome } from "../provider";

/** Of `application/problem+json` (RFC 9457), RunPod's form of errors. */
const Problem = Type.Object({
  detail: Type.Optional(Type.String()),
  errors: Type.Optional(Type.Array(Type.String())),
});

const longestDetail = 300;
const shortestSecret = 8;

/** RunPod's words about a refusal, which may repeat the request; of `secrets` they keep none. */
export function readDetail(body: unknown, secrets: readonly string[]): string | undefined {
  if (!Value.Check(Problem, body)) return undefined;
  const words = [body.detail, ...(body.errors ?? [])].filter(Boolean).join("; ");
  return words === "" ? undefined : hideSecrets(words, secrets);
}

/** A text of RunPod in one short line, in which an ellipsis replaces each secret. */
export function hideSecrets(text: string, secrets: readonly string[]): string {
  const shown = secrets
    .filter((secret) => secret.length >= shortestSecret)
    // A secret that contains another one is replaced as a whole.
    .toSorted((a, b) => b.length - a.length)
    .reduce((rest, secret) => rest.replaceAll(secret, "…"), text)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim();
  const characters = Array.from(shown);
  if (characters.length <= longestDetail) return shown;
  return `${characters.slice(0, longestDetail - 1).join("")}…`;
}

/**
 * How long a 429 asks to wait: several limits may be exhausted at once (`RateLimit`, r: requests left, t: seconds until
 * there are more), and the longest wait counts.
 */
export function readRetryAfterMs(headers: Headers): number | undefined {
  const waits = (headers.get("ratelimit") ?? "")
    .split(",")
    .filter((limit) => /;\s*r=0\b/.test(limit))
    .map((limit) => parseRetryAfter(/;\s*t=(\d+)/.exec(limit)?.[1] ?? null));
  const known = [parseRetryAfter(headers.get("retry-after")), ...waits].filter(
    (wait) => wait !== undefined,
  );
  return known.length === 0 ? undefined : Math.max(...known);
}

/**
 * What a failed create proves. Only an answer of RunPod's own API proves that nothing was made; a 500 has been seen with
 * the pod made and billed.
 */
export function readCreateFailure(
  error: ProviderError,
): Exclude<CreateOutcome, { outcome: "made" }> {
  const { cause } = error;
  const isQuotable = isRefusal(error) && cause instanceof Error;
  const detail = isQuotable
    ? `RunPod answered with status ${error.status}: ${cause.message}`
    : error.message;
  const because = reasonOf(error);
  if (because === undefined) return { outcome: "unknown", detail };
  const { retryAfterMs } = error;
  return {
    outcome: "refused",
    because,
    detail,
    ...(because === "rate" && retryAfterMs !== undefined && { retryAfterMs }),
  };
}

type Reason = Extract<CreateOutcome, { outcome: "refused" }>["because"];

const reasons: Record<number, Reason> = {
  // No capacity, or a broken rule: only the words tell them apart.
  400: "candidate",
  401: "key",
  402: "balance",
  // The GPU's pool is closed to the account, or the key lacks the right.
  403: "candidate",
  // A volume that does not exist.
  404: "order",
  413: "order",
  422: "order",
};

function reasonOf(error: ProviderError): Reason | undefined {
  const { status } = error;
  // Proxies answer a 429 without passing the request on.
  if (status === 429) return "rate";
  if (status !== undefined && status >= 300 && status < 400) return "order";
  // Anything else counts only in the API's own form.
  return isRefusal(error) && status !== undefined ? reasons[status] : undefined;
}

/** Whether it is RunPod's API that refused, in its own form, and not a gateway with a page. */
function isRefusal({ fault, cause }: ProviderError): boolean {
  return (fault === "rejected" || fault === "missing") && cause !== undefined;
}
