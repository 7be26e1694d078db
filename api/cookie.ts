import type { Config } from "#config";
import { clientOf } from "./peer";

/** The value of a cookie that a browser sent. */
export function cookieOf(request: Request, name: string): string | undefined {
  const pairs = (request.headers.get("cookie") ?? "").split(";").map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** Whether a cookie can be kept to https: asked for by https, also where only PUBLIC_URL tells of the proxy. */
export function isSecure(request: Request, { http: { publicUrl } }: Config): boolean {
  const { isHttps, host } = clientOf(request);
  if (isHttps || !publicUrl?.startsWith("https:")) return isHttps;
  return new URL(publicUrl).host === host;
}
