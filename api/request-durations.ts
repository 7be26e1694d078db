import type { Metric, Registry } from "prom-client";

const name = "gallery_http_request_duration_seconds";
const help = "Time until the response started, by method, route pattern and status";
/** Upper bounds in seconds: from a cached thumbnail to an upload of ten large pictures. */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, Infinity];
const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** `counts`: for each bound, the requests that took longer than the bound before it. */
type Series = {
  labels: { method: string; route: string; status: number };
  counts: number[];
  seconds: number;
};

/** @param request.route the route's pattern, not the URL, which may hold a link's key; null: no route matched */
export type CountRequest = (request: {
  method: string;
  route: string | null;
  status: number;
  seconds: number;
}) => void;

/**
 * A histogram of plain counters, converted to samples when it is scraped: to observe a value, prom-client's own takes a
 * tenth of the time of a thumbnail's answer.
 */
export function createRequestDurations(registry: Registry): CountRequest {
  const all = new Map<string, Series>();
  const samples = () => [...all.values()].flatMap(samplesOf);
  const metric = { name, get: async () => ({ name, help, type: "histogram", values: samples() }) };
  // The registry uses no other part of a metric.
  registry.registerMetric(metric as unknown as Metric);

  return ({ method: asked, route, status, seconds }) => {
    const method = methods.has(asked) ? asked : "other";
    const key = `${method} ${status} ${route}`;
    let series = all.get(key);
    if (!series) {
      const labels = { method, route: route ?? "none", status };
      series = { labels, counts: bounds.map(() => 0), seconds: 0 };
      all.set(key, series);
    }
    series.counts[bounds.findIndex((bound) => seconds <= bound)]! += 1;
    series.seconds += seconds;
  };
}

function samplesOf({ labels, counts, seconds }: Series) {
  let count = 0;
  const buckets = bounds.map((bound, at) => {
    count += counts[at]!;
    const le = bound === Infinity ? "+Inf" : bound;
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: seconds },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
