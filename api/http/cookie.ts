import type { Config } from "#config";
import type { Client } from "./client";

/** The value of a cookie that a browser sent. */
export function cookieOf(request: Request, name: string): string | undefined {
  const pairs = (request.headers.get("cookie") ?? "").split(";").map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** Whether a cookie can be `Secure`: the request came over https, or PUBLIC_URL is https and has the same host. */
export function isSecure({ isHttps, host }: Client, { http: { publicUrl } }: Config): boolean {
  if (isHttps || !publicUrl?.startsWith("https:")) return isHttps;
  return new URL(publicUrl).host === host;
}
