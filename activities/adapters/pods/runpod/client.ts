import { createHttp } from "../../http";
import type { PodProvider } from "../provider";
import { createBillingCalls } from "./billing";
import { createCatalogCalls } from "./catalog";
import { readDetail, readRetryAfterMs } from "./errors";
import { createLogCalls } from "./logs";
import { createPodCalls } from "./pods";
import { selfEndRequests } from "./self-end";
import { createVolumeCalls } from "./volumes";

/** Of a GB, as RunPod states it. Whether a pod's rate includes its disk is not stated, so it is added. */
const diskMicrosPerMonth = 100_000;
const hoursPerMonth = 730;

/** RunPod over its REST API v2 (https://api.runpod.io/v2/openapi.json), which has no way to repeat a create safely. */
export function createRunpodProvider(options: {
  /** Without `/v2`. */
  apiUrl: string;
  /** Address of a port of a pod, with `{pod}` and `{port}` in their places. */
  proxyUrl: string;
  apiKey: string;
  connectionTimeoutMs: number;
  readTimeoutMs: number;
}): PodProvider {
  const { apiKey, proxyUrl } = options;
  /** With errors that hold neither the key nor these secrets of a request. */
  const httpHiding = (secrets: readonly string[]) =>
    createHttp({
      provider: "runpod",
      baseUrl: options.apiUrl,
      connectionTimeoutMs: options.connectionTimeoutMs,
      readTimeoutMs: options.readTimeoutMs,
      // RunPod's edge refuses the default user agents of some libraries.
      headers: { Authorization: `Bearer ${apiKey}`, "User-Agent": "photo-gallery" },
      readDetail: (body) => readDetail(body, [apiKey, ...secrets]),
      readRetryAfterMs,
    });
  const http = httpHiding([]);
  return {
    name: "runpod",
    ...createPodCalls(http, httpHiding),
    ...createCatalogCalls(http),
    ...createLogCalls(http, apiKey),
    ...createBillingCalls(http),
    ...createVolumeCalls(http),
    hourlyDiskMicros: (diskGb) => Math.round((diskGb * diskMicrosPerMonth) / hoursPerMonth),
    addressOf: (podId, port) =>
      proxyUrl.replaceAll("{pod}", podId).replaceAll("{port}", String(port)),
    selfEnd: selfEndRequests(options.apiUrl),
  };
}
