import type { Provider, ProviderError } from "#errors";
import { inSpan } from "#tracing/spans";
import { broken, parseRetryAfter, refused, timedOut, unreachable } from "./http-failures";

export type HttpOptions = {
  provider: Provider;
  /** May end in a path; the paths of requests are appended to it. */
  baseUrl: string;
  connectionTimeoutMs: number;
  readTimeoutMs: number;
  headers?: Readonly<Record<string, string>>;
  /** For a service with accounts. */
  login?: HttpLogin;
  /** Extracts from the body of a refusal what may be logged. */
  readDetail?: (body: unknown) => string | undefined;
  /** How long an answer asks to wait before the next request; default: its `Retry-After`. */
  readRetryAfterMs?: (headers: Headers) => number | undefined;
  /** Called before each wait for an answer or its next bytes, with the limit of that wait; the previous wait has ended. */
  onWait?: (limitMs: number) => void;
};

/** Supplies the `Authorization` header. */
export type HttpLogin = {
  /** The current `Authorization`, without a request. */
  current: () => string | undefined;
  /** The `Authorization` of the next request; may log in first. */
  authorization: () => Promise<string | undefined>;
  /** Reads from each answer a refreshed token for the next request. */
  take: (answer: Headers) => void;
  /** Called after a 401 to a request that carried `sent`: whether a retry may be accepted. */
  renew: (sent: string | undefined) => boolean;
  /** The error for a 401 that a retry does not resolve. */
  refusal: () => ProviderError;
};

export type HttpRequest = {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Starts with a slash; variable parts are already encoded. */
  path: string;
  query?: Readonly<Record<string, string | number | boolean>>;
  json?: unknown;
  form?: FormData;
  /** Size of `form` in bytes: extends the time-out for a slow connection. */
  formBytes?: number;
  /** Time until the answer's headers; default: connection and read time-out together. */
  answerWithinMs?: number;
  maxBytes?: number;
  /**
   * Sent now or never: on a new connection, since the server may be closing a kept-alive one, without a login before and
   * without a retry after a 401.
   */
  isSentOnce?: boolean;
};

/** Where a download goes; a slow sink slows the download down. */
export type Sink = { write(chunk: Uint8Array): Promise<void> };

export type Http = ReturnType<typeof createHttp>;

/** The path without its variable parts, which may name what the owner made. */
const templateOf = (path: string) =>
  path.replaceAll(/[^/]*[^a-z_/][^/]*/g, (part) => (/^v\d$/.test(part) ? part : "{}"));

const defaultMaxBytes = 8 * 1024 * 1024;
const maxRefusalBytes = 1024 * 1024;
const slowestUploadBytesPerMs = 64;
/** 16 kB/s: an image of 2 MB may take two minutes more than a small answer. */
const slowestAnswerBytesPerMs = 16;
const longestAnswerMs = 20 * 60_000;

/**
 * HTTP to one service. Every failure is a ProviderError, except two that pass unchanged: the reason of the caller's
 * signal, and errors of a sink. Redirects are not followed (headers may be secret).
 *
 * fetch does not report when it is connected, so one time-out (connection + read) covers connecting and waiting for the
 * headers. After that, the next bytes must arrive within the read time-out, and the whole body within both time-outs plus
 * the time that its bytes take at 16 kB/s, at most 20 minutes: this also ends an answer that trickles. Time that a slow
 * sink takes does not count.
 */
export function createHttp(options: HttpOptions) {
  const { provider, readTimeoutMs } = options;
  const bothTimeoutsMs = options.connectionTimeoutMs + readTimeoutMs;
  const baseUrl = options.baseUrl.replace(/\/+$/, "");

  async function send(request: HttpRequest, watchdog: Watchdog, headers: Record<string, string>) {
    const { login } = options;
    if (!login) return exchange(request, watchdog, headers);
    const { isSentOnce = false } = request;
    for (let tries = 1; ; tries += 1) {
      const authorization = isSentOnce ? login.current() : await login.authorization();
      const response = await exchange(request, watchdog, {
        ...headers,
        ...(authorization !== undefined && { Authorization: authorization }),
      });
      if (response.status !== 401) {
        login.take(response.headers);
        return response;
      }
      watchdog.stop();
      await response.body?.cancel();
      const isRenewable = login.renew(authorization);
      if (tries > 1 || !isRenewable || isSentOnce) throw login.refusal();
    }
  }

  async function exchange(
    request: HttpRequest,
    watchdog: Watchdog,
    headers: Record<string, string>,
  ) {
    const query = new URLSearchParams(
      Object.entries(request.query ?? {}).map(([name, value]) => [name, String(value)]),
    ).toString();
    const uploadMs = (request.formBytes ?? 0) / slowestUploadBytesPerMs;
    watchdog.expectWithin((request.answerWithinMs ?? bothTimeoutsMs) + uploadMs);
    return traced(request, () =>
      watchdog.guard(() =>
        fetch(`${baseUrl}${request.path}${query === "" ? "" : `?${query}`}`, {
          method: request.method ?? "GET",
          headers: {
            ...options.headers,
            ...headers,
            ...(request.json === undefined ? {} : { "Content-Type": "application/json" }),
          },
          body: request.json === undefined ? request.form : JSON.stringify(request.json),
          redirect: "manual",
          keepalive: request.isSentOnce !== true,
          signal: watchdog.signal,
          // Only the watchdog's time-outs apply: Bun's own limit of five idle minutes may be shorter.
          timeout: false,
        }),
      ),
    );
  }

  function traced(request: HttpRequest, call: () => Promise<Response>): Promise<Response> {
    const { method = "GET", path } = request;
    const facts = { "http.request.method": method, "url.template": templateOf(path) };
    return inSpan({ name: `${provider} ${method}`, kind: "client", facts }, async (set) => {
      const response = await call();
      set({ "http.response.status_code": response.status });
      return response;
    });
  }

  async function sendOk(request: HttpRequest, watchdog: Watchdog, headers: Record<string, string>) {
    const response = await send(request, watchdog, headers);
    if (!response.ok) throw await readRefusal(response, watchdog);
    return response;
  }

  async function readRefusal(response: Response, watchdog: Watchdog) {
    const { status, headers } = response;
    const isJson = isJsonType(headers);
    let detail: string | undefined;
    if (isJson && options.readDetail) {
      try {
        detail = options.readDetail(parseJson(await readText(response, watchdog, maxRefusalBytes)));
      } catch {
        // The status alone decides; an unreadable body changes nothing.
        watchdog.throwIfCallerAborted();
      }
    }
    const { readRetryAfterMs = (from) => parseRetryAfter(from.get("retry-after")) } = options;
    return refused(provider, { status, isJson, detail, retryAfterMs: readRetryAfterMs(headers) });
  }

  async function readChunks(
    response: Response,
    watchdog: Watchdog,
    maxBytes: number,
    take: (chunk: Uint8Array) => Promise<void> | void,
  ): Promise<number> {
    const reader = response.body?.getReader();
    let bytes = 0;
    let waitedMs = 0;
    while (reader) {
      const allowedMs = bothTimeoutsMs + bytes / slowestAnswerBytesPerMs;
      const leftMs = Math.min(allowedMs, longestAnswerMs) - waitedMs;
      const since = performance.now();
      watchdog.expectWithin(Math.min(readTimeoutMs, leftMs));
      const { done, value } = await watchdog.guard(() => reader.read());
      watchdog.stop();
      waitedMs += performance.now() - since;
      if (done) break;
      bytes += value.byteLength;
      if (bytes > maxBytes) {
        throw broken(provider, `sent more than ${maxBytes} bytes`, { retryable: false });
      }
      await take(value);
    }
    return bytes;
  }

  async function readText(
    response: Response,
    watchdog: Watchdog,
    maxBytes: number,
  ): Promise<string> {
    const decoder = new TextDecoder();
    let text = "";
    await readChunks(response, watchdog, maxBytes, (chunk) => {
      text += decoder.decode(chunk, { stream: true });
    });
    return text + decoder.decode();
  }

  return {
    /** The parsed JSON of a 2xx answer; undefined for 204. */
    async readJson(request: HttpRequest, signal?: AbortSignal): Promise<unknown> {
      using watchdog = createWatchdog(options, signal);
      const response = await sendOk(request, watchdog, { Accept: "application/json" });
      if (response.status === 204) return undefined;
      if (!isJsonType(response.headers)) {
        throw broken(provider, "answered with something else than JSON", {
          status: response.status,
        });
      }
      const text = await readText(response, watchdog, request.maxBytes ?? defaultMaxBytes);
      const body = parseJson(text);
      if (body === undefined) {
        throw broken(provider, "answered with broken JSON", { status: response.status });
      }
      return body;
    },

    /**
     * Writes the body of a 2xx answer of type `accept` into the sink.
     * @throws ProviderError `broken` when it is of another type or longer than `maxBytes`,
     * `unreachable` when it ends before its Content-Length (fetch counts the bytes)
     */
    async download(
      request: HttpRequest & { accept: string; maxBytes: number },
      sink: Sink,
      signal?: AbortSignal,
    ): Promise<{ bytes: number }> {
      using watchdog = createWatchdog(options, signal);
      // Images are already compressed, and with an encoding Content-Length would not be the image's length.
      const response = await sendOk(request, watchdog, {
        Accept: request.accept,
        "Accept-Encoding": "identity",
      });
      const type = response.headers.get("content-type") ?? "";
      if (type.split(";")[0]?.trim().toLowerCase() !== request.accept) {
        throw broken(provider, `answered with something else than ${request.accept}`, {
          status: response.status,
        });
      }
      const bytes = await readChunks(response, watchdog, request.maxBytes, (chunk) =>
        sink.write(chunk),
      );
      return { bytes };
    },
  };
}

function isJsonType(headers: Headers): boolean {
  return /^application\/([\w.+-]+\+)?json\b/i.test(headers.get("content-type") ?? "");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

type Watchdog = ReturnType<typeof createWatchdog>;

/** Aborts one exchange when the caller aborts it or expected bytes do not arrive in time. */
function createWatchdog(
  { provider, onWait }: Pick<HttpOptions, "provider" | "onWait">,
  caller: AbortSignal | undefined,
) {
  caller?.throwIfAborted();
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isExpired = false;
  const forward = () => controller.abort(caller?.reason);
  caller?.addEventListener("abort", forward, { once: true });

  return {
    signal: controller.signal,
    expectWithin(ms: number) {
      onWait?.(ms);
      clearTimeout(timer);
      timer = setTimeout(() => {
        isExpired = true;
        controller.abort();
      }, ms);
    },
    stop: () => clearTimeout(timer),
    throwIfCallerAborted: () => caller?.throwIfAborted(),
    async guard<T>(exchange: () => Promise<T>): Promise<T> {
      try {
        return await exchange();
      } catch (error) {
        caller?.throwIfAborted();
        throw isExpired ? timedOut(provider, error) : unreachable(provider, error);
      }
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      caller?.removeEventListener("abort", forward);
      // Frees the connection of an answer that was not read to its end.
      controller.abort();
    },
  };
}
