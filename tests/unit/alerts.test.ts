import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { watchBackups } from "#api/backup-metrics";
import { createMetrics, watchDatabase, watchLog, watchProcess } from "#api/metrics";
import { watchParts } from "#api/part-metrics";
import { watchPods } from "#api/pod-metrics";
import { loadConfig } from "#config";
import { openDatabase } from "#db/client";
import { createDiskStorage } from "#media/storage/disk";

const root = join(import.meta.dir, "../..");
const read = (path: string) => readFile(join(root, path), "utf8");

type Rule = {
  alert: string;
  expr: string;
  for: string;
  labels: { severity: string };
  annotations: { summary: string; runbook: string };
};

const alertsText = await read("ops/prometheus/alerts.yml");
const dashboardText = await read("ops/grafana/gallery.json");
const { groups } = Bun.YAML.parse(alertsText) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);

/** Every metric that the API registers; nothing is scraped, so that nothing is connected to. */
function registeredNames(): string[] {
  const metrics = createMetrics();
  const config = loadConfig({ DATABASE_URL: "postgres://nowhere" });
  const { db } = openDatabase("postgres://nowhere", { maxConnections: 1, applicationName: "test" });
  const temporal = { isReachable: async () => true };
  watchProcess(metrics);
  watchLog(metrics, { write: () => {}, lostLines: () => 0 });
  watchDatabase(metrics, db);
  watchPods(metrics, db, config);
  watchBackups(metrics, db);
  watchParts(metrics, createDiskStorage({ dataDir: "/nowhere" }), temporal, db);
  return metrics.registry.getMetricsAsArray().map(({ name }) => name);
}

test("the alerts and the dashboard name only metrics that the API serves", () => {
  const served = new Set(registeredNames());
  const named =
    `${alertsText}\n${dashboardText}`.match(/\b(gallery|nodejs|process)_[a-z0-9_]+/g) ?? [];
  const unknown = named.filter(
    (name) => !served.has(name) && !served.has(name.replace(/_(bucket|count|sum)$/, "")),
  );
  expect(named.length).toBeGreaterThan(30);
  expect(unknown).toEqual([]);
});

test("the dashboard shows every metric of the gallery", () => {
  const hidden = registeredNames().filter(
    (name) => name.startsWith("gallery_") && !dashboardText.includes(name),
  );
  expect(hidden).toEqual([]);
});

test("every alert has a summary, a severity and an entry of its name in docs/operations.md, and no entry is without an alert", async () => {
  const document = await read("docs/operations.md");
  const entries = [...document.matchAll(/^### (Gallery\w+)$/gm)].map(([, name]) => name);
  expect(new Set(entries)).toEqual(new Set(rules.map(({ alert }) => alert)));
  for (const { alert, annotations, labels } of rules) {
    expect(annotations.runbook).toBe(`docs/operations.md#${alert.toLowerCase()}`);
    expect(annotations.summary).toEndWith(".");
    expect(["critical", "warning"]).toContain(labels.severity);
  }
});

test("every entry of an alert names a command", async () => {
  const document = await read("docs/operations.md");
  const command = /`(?:\.\/gallery|curl|docker compose|top|df|grep|select)\b[^`]*`/;
  const without = rules.filter(({ alert }) => {
    const [, entry = ""] = new RegExp(`^### ${alert}\n([^]*?)^##`, "m").exec(document) ?? [];
    return !command.test(entry);
  });
  expect(without).toEqual([]);
});

test("a dashboard's panels do not overlap and each asks for something", () => {
  type Panel = {
    title: string;
    gridPos: { x: number; y: number; w: number; h: number };
    targets: { expr: string }[];
  };
  const { panels } = JSON.parse(dashboardText) as { panels: Panel[] };
  for (const { gridPos, targets } of panels) {
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    expect(targets.every(({ expr }) => expr.length > 3)).toBe(true);
  }
  const overlapping = panels.flatMap((one, at) =>
    panels.slice(at + 1).filter((other) => {
      const [a, b] = [one.gridPos, other.gridPos];
      return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
    }),
  );
  expect(overlapping).toEqual([]);
});
