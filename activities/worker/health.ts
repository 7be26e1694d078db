import type { Worker } from "@temporalio/worker";

/**
 * Serves `GET /health/live` on 127.0.0.1: 200 while every worker polls its task queue, else 503. No answer at all means
 * that the event loop is blocked.
 */
export function serveHealth(port: number, workers: readonly Pick<Worker, "getState">[]) {
  return Bun.serve({
    hostname: "127.0.0.1",
    port,
    development: false,
    reusePort: false,
    routes: {
      "/health/live": () => {
        const isPolling = workers.every((worker) => worker.getState() === "RUNNING");
        return isPolling
          ? Response.json({ status: "ok" })
          : Response.json({ status: "unavailable" }, { status: 503 });
      },
    },
    fetch: () => new Response(null, { status: 404 }),
  });
}
