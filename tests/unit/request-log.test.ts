import { expect, test } from "bun:test";
import { createLog, createRequestLog } from "#api/log";

const request = { method: "GET", route: '/a"/:id', status: 404, ms: 3 };

function collect(level: "info" | "warn") {
  const lines: string[] = [];
  const log = createLog(level, { write: (line) => void lines.push(line) });
  return { lines, log, logRequest: createRequestLog(log) };
}

test("the line of a request has the form of all other lines", () => {
  const { lines, log, logRequest } = collect("info");
  log.info({ ...request, request_id: "one" }, "request");
  logRequest({ ...request, id: "one" });
  logRequest({ ...request, route: null, id: "two" });
  const form = (line = "") => line.replace(/"time":"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z"/, "time");
  expect(form(lines[1])).toBe(form(lines[0]));
  expect(lines[1]).toEndWith("}\n");
  expect(JSON.parse(lines[2] ?? "")).toMatchObject({ route: null, request_id: "two" });
});

test("requests are not logged above the level info", () => {
  const { lines, logRequest } = collect("warn");
  logRequest({ ...request, id: "one" });
  expect(lines).toEqual([]);
});
