import { createApp } from "#api/app";
import type { ApiDeps } from "#api/deps";

/** Every route that a visitor with a link may call. tests/api/shares.test.ts fails when one is missing here. */
export const shareRoutes: readonly string[] = [
  "GET /api/v1/share/:key",
  "GET /api/v1/share/:key/photos",
  "GET /api/v1/share/:key/download",
  "GET /api/v1/share/:key/photos/:photo_id/thumbnail",
  "GET /api/v1/share/:key/photos/:photo_id/preview",
  "GET /api/v1/share/:key/photos/:photo_id/original",
  "POST /api/v1/share/:key/unlock",
  "GET /s/:key",
  "GET /s/:key/download",
  "GET /s/:key/p/:photo_id",
  "GET /s/:key/style",
  "GET /s/:key/script",
  "GET /s/:key/photos/:photo_id/thumbnail",
  "GET /s/:key/photos/:photo_id/preview",
  "GET /s/:key/photos/:photo_id/original",
  "POST /s/:key/unlock",
];

/** Public routes that need no link; they expose nothing of the library. */
export const linklessRoutes: readonly string[] = [
  "GET /health",
  "GET /health/live",
  "GET /docs",
  "GET /docs/json",
  "GET /docs/assets/start.js",
  "GET /docs/assets/:name",
  "POST /api/v1/auth/session",
  "DELETE /api/v1/auth/session",
];

export type Visitor = {
  key: string;
  photoId: string;
  token?: string | undefined;
  password?: string | undefined;
};

/** A request to a route as a visitor: with the token in a header, like a program, or in a cookie, like a browser. */
export function callAs(
  route: string,
  visitor: Visitor,
  options: { by?: "header" | "cookie"; headers?: Record<string, string>; query?: string } = {},
): { path: string; init: RequestInit } {
  const [method = "", pattern = ""] = route.split(" ");
  const address = pattern.replace(":key", visitor.key).replace(":photo_id", visitor.photoId);
  const path = `${address}${options.query ?? ""}`;
  const { token, password } = visitor;
  const credentials: Record<string, string> = !token
    ? {}
    : options.by === "cookie"
      ? { cookie: `share=${token}` }
      : { "x-share-token": token };
  const headers = { ...credentials, ...options.headers };
  if (method === "GET") return { path, init: { headers } };
  if (!pattern.endsWith("/unlock")) throw new Error(`${route} has no request here`);
  const isForm = pattern.startsWith("/s/");
  const type = isForm ? "application/x-www-form-urlencoded" : "application/json";
  const body = isForm
    ? new URLSearchParams(password === undefined ? {} : { password }).toString()
    : JSON.stringify({ password: password ?? "" });
  return { path, init: { method, headers: { "content-type": type, ...headers }, body } };
}

/** The registered routes that need no token. */
export function openRoutesOf(deps: ApiDeps): string[] {
  type Known = { method: string; path: string; hooks?: { detail?: { security?: unknown[] } } };
  const open = (createApp(deps).routes as Known[])
    .filter(({ hooks }) => hooks?.detail?.security?.length === 0)
    .map(({ method, path }) => `${method} ${path}`);
  return [...new Set(open)];
}
