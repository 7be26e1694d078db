import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { createHttp } from "#activities/adapters/http";
import { broken } from "#activities/adapters/http-failures";
import type { Provider } from "#errors";

/**
 * What the guard knows of InvokeAI's administrator. `made`: by the guard, with our password. `ours`: it existed, with our
 * password. `foreign`: it existed, with another one, and InvokeAI stays closed. `pending`: InvokeAI has not answered yet.
 */
export type AdminState = "made" | "ours" | "foreign" | "pending";

const Answer = Type.Object({
  admin: Type.Union(
    (["made", "ours", "foreign", "pending"] as const).map((state) => Type.Literal(state)),
  ),
});

/**
 * Tells the guard of a pod that the gallery is alive, and reads how far it is.
 * @throws ProviderError when no guard answers, as before the container has started; `rejected` when it has another token
 */
export async function sendBeat(
  guard: { provider: Provider; address: string; token: string; withinMs: number },
  signal?: AbortSignal,
): Promise<{ admin: AdminState }> {
  const http = createHttp({
    provider: guard.provider,
    baseUrl: guard.address,
    connectionTimeoutMs: guard.withinMs / 2,
    readTimeoutMs: guard.withinMs / 2,
    headers: { Authorization: `Bearer ${guard.token}`, "User-Agent": "photo-gallery" },
  });
  const answer = await http.readJson({ method: "POST", path: "/" }, signal);
  if (Value.Check(Answer, answer)) return answer;
  throw broken(guard.provider, "answered a beat in an unknown format");
}
