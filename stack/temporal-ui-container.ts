import { serveTemporalUi } from "./temporal-ui-proxy";

/** `bun stack/temporal-ui-container.ts`: the proxy before the web UI, as a container of docker-compose.yml. */
const { TEMPORAL_UI_SECRET: secret, TEMPORAL_UI_ORIGIN: origin } = process.env;
if (!secret || !origin) throw new Error("TEMPORAL_UI_SECRET and TEMPORAL_UI_ORIGIN are needed");

const server = serveTemporalUi({ hostname: "0.0.0.0", port: 8080 }, { origin, path: `/${secret}` });
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => void server.stop(true).finally(() => process.exit(0)));
}
