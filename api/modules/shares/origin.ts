import type { Config } from "#config";
import type { Client } from "../../http/client";

/** The origin at which visitors reach this server: PUBLIC_URL, else that of this request. */
export function originOf({ isHttps, host }: Client, { http: { publicUrl } }: Config): string {
  return publicUrl ?? `${isHttps ? "https" : "http"}://${host}`;
}
