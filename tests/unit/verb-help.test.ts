import { expect, test } from "bun:test";
import { runVerb } from "#tests/support/up";

test.each([
  "up",
  "doctor",
  "test",
  "check",
  "bench",
  "pods",
  "backup",
  "restore",
  "verify",
  "storage",
  "migrate",
])("./gallery %s --help prints the usage of this verb alone and does nothing", async (verb) => {
  const { code, output } = await runVerb(verb, "--help");
  expect(code).toBe(0);
  expect(output).toContain(`${verb} `);
  expect(output.split("\n").length).toBeLessThan(45);
  const other = verb === "migrate" ? "backup" : "migrate";
  expect(output).not.toMatch(new RegExp(`^  ${other} `, "m"));
});
