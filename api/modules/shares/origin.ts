import type { Config } from "#config";
import { clientOf } from "../../peer";

/** Under which address strangers reach this server: PUBLIC_URL, else the one that was asked for. */
export function originOf(request: Request, { http: { publicUrl } }: Config): string {
  const { isHttps, host } = clientOf(request);
  return publicUrl ?? `${isHttps ? "https" : "http"}://${host}`;
}
