import { type Provider, ProviderError } from "#errors";

const names: Record<Provider, string> = { invokeai: "InvokeAI", runpod: "RunPod" };

/** No answer, or no further byte of it, within the time allowed. */
export function timedOut(provider: Provider, cause: unknown): ProviderError {
  return new ProviderError({
    provider,
    fault: "timeout",
    message: `${names[provider]} did not answer in time.`,
    retryable: true,
    cause,
  });
}

/** No connection, or a broken one. */
export function unreachable(provider: Provider, cause: unknown): ProviderError {
  return new ProviderError({
    provider,
    fault: "unreachable",
    message: `${names[provider]} cannot be reached.`,
    retryable: true,
    cause,
  });
}

/** An unusable answer; `what` describes it without quoting it. */
export function broken(
  provider: Provider,
  what: string,
  options: { status?: number; retryable?: boolean; cause?: unknown } = {},
): ProviderError {
  return new ProviderError({
    provider,
    fault: "broken",
    message: `${names[provider]} ${what}.`,
    status: options.status,
    retryable: options.retryable ?? true,
    cause: options.cause,
  });
}

/**
 * The error for a status other than 2xx. `detail` becomes the cause: for a log, never for a client.
 * A 404 counts as `missing` only if it is the service's own JSON: a proxy whose service is down answers 404 with an HTML
 * page.
 */
export function refused(
  provider: Provider,
  answer: { status: number; isJson: boolean; detail?: string; retryAfterMs?: number },
): ProviderError {
  const { status, isJson, detail, retryAfterMs } = answer;
  const name = names[provider];
  const common = {
    provider,
    status,
    cause: detail === undefined ? undefined : new Error(detail),
  };
  if (status >= 300 && status < 400) {
    return broken(provider, "answered with a redirect; set the address it leads to", {
      status,
      retryable: false,
    });
  }
  if (status === 404 && isJson) {
    const message = `${name} does not have what was asked for.`;
    return new ProviderError({ ...common, fault: "missing", message, retryable: false });
  }
  if ([408, 425, 429, 502, 503, 504, 524].includes(status)) {
    const message = `${name} is busy or starting.`;
    return new ProviderError({ ...common, fault: "busy", message, retryable: true, retryAfterMs });
  }
  if (status >= 500 || status === 404) {
    return broken(provider, `failed with status ${status}`, { status, cause: common.cause });
  }
  const message =
    status === 401 || status === 403
      ? `${name} refused access; check its key or login.`
      : `${name} refused the request with status ${status}.`;
  return new ProviderError({ ...common, fault: "rejected", message, retryable: false });
}

/** `Retry-After` in milliseconds: seconds or a date (RFC 9110, 10.2.3), at most an hour. */
export function parseRetryAfter(value: string | null): number | undefined {
  if (value === null || value.trim() === "") return undefined;
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 3_600_000) : undefined;
}
