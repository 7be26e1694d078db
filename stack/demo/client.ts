import { Refusal } from "../refusal";

export type ApiClient = {
  /** Calls a route of the public API with a JSON or multipart body and returns the JSON response. */
  call: <T>(method: string, path: string, body?: object | FormData) => Promise<T>;
};

const timeoutMs = 60_000;

/** @throws Refusal with the API's message when the response is an error */
export function createApiClient(baseUrl: string, headers: Record<string, string>): ApiClient {
  return {
    call: async <T>(method: string, path: string, body?: object | FormData) => {
      const isForm = body instanceof FormData;
      const response = await fetch(`${baseUrl}/api/v1${path}`, {
        method,
        headers: {
          ...headers,
          Accept: "application/json",
          ...(body !== undefined && !isForm ? { "Content-Type": "application/json" } : {}),
        },
        ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      if (response.status === 204) return undefined as T;
      const answer: unknown = await response.json().catch(() => undefined);
      if (response.ok) return answer as T;
      const message = (answer as { error?: { message?: string } } | undefined)?.error?.message;
      throw new Refusal(
        `${method} ${path} answered ${response.status}: ${message ?? "no reason given"}`,
      );
    },
  };
}
