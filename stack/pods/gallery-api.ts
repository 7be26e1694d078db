import { Refusal } from "../refusal";
import type { Environment } from "./account";

export type GallerySettings = {
  mode: "local" | "remote";
  gpu_types: string[];
  volume_id: string | null;
  models: string[];
  max_session_cost_usd: number | null;
  max_month_cost_usd: number | null;
};

/** The API of the gallery that runs here. */
export type GalleryApi = {
  baseUrl: string;
  readSettings: () => Promise<GallerySettings>;
  /** @throws Refusal with the API's message */
  changeSettings: (backend: Partial<GallerySettings>) => Promise<void>;
};

/** Of the routes for settings, or an error. */
type ApiAnswer = {
  backend: GallerySettings;
  error?: { message?: string; details?: { errors?: { path: string; message: string }[] } };
};

/** Undefined when no gallery answers at the address. */
export async function findGallery(
  given: string | undefined,
  env: Environment,
): Promise<GalleryApi | undefined> {
  const baseUrl = (given ?? `http://127.0.0.1:${env["PORT"]?.trim() || 8000}`).replace(/\/+$/, "");
  const token = env["API_TOKEN"]?.trim();
  const send = async (method: string, path: string, body?: object) =>
    fetch(`${baseUrl}${path}`, {
      method,
      headers: {
        ...(token && { Authorization: `Bearer ${token}` }),
        ...(body && { "Content-Type": "application/json" }),
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    });
  const call = async (method: string, path: string, body?: object) => {
    const answer = await send(method, path, body);
    const content = (await answer.json()) as ApiAnswer;
    if (answer.ok) return content;
    const { message, details } = content.error ?? {};
    const faults = details?.errors?.map((fault) => `${fault.path}: ${fault.message}`) ?? [];
    throw new Refusal([`The gallery refused: ${message ?? answer.status}`, ...faults].join("\n"));
  };
  const isThere = await send("GET", "/health").then(
    (answer) => answer.ok,
    () => false,
  );
  if (!isThere) return undefined;
  return {
    baseUrl,
    readSettings: async () => (await call("GET", "/api/v1/settings")).backend,
    changeSettings: async (backend) => void (await call("PATCH", "/api/v1/settings", { backend })),
  };
}
