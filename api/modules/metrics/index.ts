import type { ApiDeps } from "../../deps";
import { createModule } from "../../http/module";
import { loopbackRoute } from "../../http/routes";

/** The endpoint that Prometheus scrapes. */
export function createMetricsModule({ metrics }: ApiDeps) {
  return createModule({ name: "metrics", tags: ["service"] }).get(
    "/metrics",
    async () => {
      const { registry } = metrics;
      const headers = { "content-type": registry.contentType };
      return new Response(await registry.metrics(), { headers });
    },
    {
      detail: {
        ...loopbackRoute,
        summary: "Metrics in the Prometheus text format",
        description:
          "Requests from the server's own machine need no token, unless a proxy forwards them.",
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
