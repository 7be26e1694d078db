import { Elysia } from "elysia";
import type { ApiDeps } from "../../deps";
import { loopbackRoute } from "../../route-table";

/** What Prometheus asks for. */
export function createMetricsModule({ metrics }: ApiDeps) {
  return new Elysia({ name: "metrics", normalize: false, tags: ["service"] }).get(
    "/metrics",
    async () => {
      const { registry } = metrics;
      const headers = { "content-type": registry.contentType };
      return new Response(await registry.metrics(), { headers });
    },
    {
      detail: {
        ...loopbackRoute,
        summary: "Counts and durations in the text form of Prometheus",
        description:
          "From the server's own machine it needs no token, as long as no proxy forwards the request.",
        responses: {
          200: {
            description: "The metrics",
            content: { "text/plain": { schema: { type: "string" } } },
          },
        },
      },
    },
  );
}
