import { join } from "node:path";

/** The faults of the alert rules that Prometheus' own tool finds; undefined: none, or it is not installed. */
export async function lintAlerts(root: string): Promise<string | undefined> {
  const promtool = Bun.which("promtool");
  if (promtool === null) return undefined;
  const child = Bun.spawn([promtool, "check", "rules", join(root, "ops/prometheus/alerts.yml")], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const streams = [child.stdout, child.stderr].map((stream) => new Response(stream).text());
  const output = (await Promise.all(streams)).join("");
  return (await child.exited) === 0 ? undefined : output;
}
