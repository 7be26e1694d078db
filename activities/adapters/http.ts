import type { Provider, ProviderError } from "#errors";
import { broken, refused, timedOut, unreachable } from "./http-failures";

export type HttpOptions = {
  provider: Provider;
  /** May end in a path; requests are appended to it. */
  baseUrl: string;
  connectionTimeoutMs: number;
  readTimeoutMs: number;
  headers?: Readonly<Record<string, string>>;
  /** For a service with accounts. */
  login?: HttpLogin;
  /** Picks from the body of a refusal what may stand in a log. */
  readDetail?: (body: unknown) => string | undefined;
};

/** What is sent along to be let in. */
export type HttpLogin = {
  /** The `Authorization` that is at hand, at once. */
  current: () => string | undefined;
  /** The `Authorization` of the next request; may have to fetch it first. */
  authorization: () => Promise<string | undefined>;
  /** Looks at each answer for what the next request is to carry. */
  take: (answer: Headers) => void;
  /** After a 401 to a request that carried this: whether another one may be let in. */
  renew: (sent: string | undefined) => boolean;
  /** What a 401 for good means. */
  refusal: () => ProviderError;
};

export type HttpRequest = {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Starts with a slash; variable parts are encoded already. */
  path: string;
  query?: Readonly<Record<string, string | number | boolean>>;
  json?: unknown;
  form?: FormData;
  /** Size of `form` in bytes: a slow line gets the time to send it. */
  formBytes?: number;
  /** Time until the head of the answer; default: connection and read time-out together. */
  answerWithinMs?: number;
  maxBytes?: number;
  /**
   * Either it leaves now or never: on a connection of its own, not a kept one that the server may just be closing,
   * and neither after a login nor again after one.
   */
  isSentOnce?: boolean;
};

/** Where a download goes; a slow sink slows the download down. */
export type Sink = { write(chunk: Uint8Array): Promise<void> };

export type Http = ReturnType<typeof createHttp>;

const defaultMaxBytes = 8 * 1024 * 1024;
const maxRefusalBytes = 1024 * 1024;
const slowestUploadBytesPerMs = 64;

/**
 * HTTP to one service. Every failure is a ProviderError, but two pass unchanged: the reason of the
 * caller's own signal, and what a sink throws. Redirects are not followed (headers may be secret).
 *
 * fetch does not tell when a connection stands, so one watch covers connecting and waiting for the
 * head of the answer (connection + read time-out); after that each further byte must arrive within
 * the read time-out.
 */
export function createHttp(options: HttpOptions) {
  const { provider, readTimeoutMs } = options;
  const baseUrl = options.baseUrl.replace(/\/+$/, "");

  async function send(request: HttpRequest, watch: Watch, headers: Record<string, string>) {
    const { login } = options;
    if (!login) return exchange(request, watch, headers);
    const { isSentOnce = false } = request;
    for (let tries = 1; ; tries += 1) {
      const authorization = isSentOnce ? login.current() : await login.authorization();
      const response = await exchange(request, watch, {
        ...headers,
        ...(authorization !== undefined && { Authorization: authorization }),
      });
      if (response.status !== 401) {
        login.take(response.headers);
        return response;
      }
      watch.rest();
      await response.body?.cancel();
      const isRenewable = login.renew(authorization);
      if (tries > 1 || !isRenewable || isSentOnce) throw login.refusal();
    }
  }

  async function exchange(request: HttpRequest, watch: Watch, headers: Record<string, string>) {
    const query = new URLSearchParams(
      Object.entries(request.query ?? {}).map(([name, value]) => [name, String(value)]),
    ).toString();
    const uploadMs = (request.formBytes ?? 0) / slowestUploadBytesPerMs;
    watch.expectWithin(
      (request.answerWithinMs ?? options.connectionTimeoutMs + readTimeoutMs) + uploadMs,
    );
    return watch.guard(() =>
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
        signal: watch.signal,
        // The watch rules alone: Bun's own limit of five idle minutes may be below it.
        timeout: false,
      }),
    );
  }

  async function sendSoundly(request: HttpRequest, watch: Watch, headers: Record<string, string>) {
    const response = await send(request, watch, headers);
    if (!response.ok) throw await readRefusal(response, watch);
    return response;
  }

  async function readRefusal(response: Response, watch: Watch) {
    const { status, headers } = response;
    const isJson = isJsonType(headers);
    let detail: string | undefined;
    if (isJson && options.readDetail) {
      try {
        detail = options.readDetail(parseJson(await readText(response, watch, maxRefusalBytes)));
      } catch {
        // The status alone decides; a body that cannot be read takes nothing from it.
        watch.throwIfCallerAborted();
      }
    }
    return refused(provider, { status, headers, isJson, detail });
  }

  async function readChunks(
    response: Response,
    watch: Watch,
    maxBytes: number,
    take: (chunk: Uint8Array) => Promise<void> | void,
  ): Promise<number> {
    const reader = response.body?.getReader();
    let bytes = 0;
    while (reader) {
      watch.expectWithin(readTimeoutMs);
      const { done, value } = await watch.guard(() => reader.read());
      watch.rest();
      if (done) break;
      bytes += value.byteLength;
      if (bytes > maxBytes) {
        throw broken(provider, `sent more than ${maxBytes} bytes`, { retryable: false });
      }
      await take(value);
    }
    return bytes;
  }

  async function readText(response: Response, watch: Watch, maxBytes: number): Promise<string> {
    const decoder = new TextDecoder();
    let text = "";
    await readChunks(response, watch, maxBytes, (chunk) => {
      text += decoder.decode(chunk, { stream: true });
    });
    return text + decoder.decode();
  }

  return {
    /** The parsed JSON of a 2xx answer; undefined for 204. */
    async readJson(request: HttpRequest, signal?: AbortSignal): Promise<unknown> {
      using watch = createWatch(provider, signal);
      const response = await sendSoundly(request, watch, { Accept: "application/json" });
      if (response.status === 204) return undefined;
      if (!isJsonType(response.headers)) {
        throw broken(provider, "answered with something else than JSON", {
          status: response.status,
        });
      }
      const text = await readText(response, watch, request.maxBytes ?? defaultMaxBytes);
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
      using watch = createWatch(provider, signal);
      // Pictures are packed already; and Content-Length would tell the length of something else.
      const response = await sendSoundly(request, watch, {
        Accept: request.accept,
        "Accept-Encoding": "identity",
      });
      const type = response.headers.get("content-type") ?? "";
      if (type.split(";")[0]?.trim().toLowerCase() !== request.accept) {
        throw broken(provider, `answered with something else than ${request.accept}`, {
          status: response.status,
        });
      }
      const bytes = await readChunks(response, watch, request.maxBytes, (chunk) =>
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

type Watch = ReturnType<typeof createWatch>;

/** Ends one exchange when the caller aborts it or an expected byte does not come. */
function createWatch(provider: Provider, caller: AbortSignal | undefined) {
  caller?.throwIfAborted();
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isExpired = false;
  const forward = () => controller.abort(caller?.reason);
  caller?.addEventListener("abort", forward, { once: true });

  return {
    signal: controller.signal,
    expectWithin(ms: number) {
      clearTimeout(timer);
      timer = setTimeout(() => {
        isExpired = true;
        controller.abort();
      }, ms);
    },
    rest: () => clearTimeout(timer),
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
