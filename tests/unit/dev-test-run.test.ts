import { expect, test } from "bun:test";
import { join } from "node:path";
import { allowedEnvironment } from "#stack/environment";
import { Refusal } from "#stack/refusal";
import { chooseTestDatabase } from "#stack/test-database";
import { findTestFiles, readTestOptions } from "#dev/test-files";
import { groupFiles } from "#dev/test-groups";
import { countFiles, countTests, sumCounts } from "#dev/test-report";

test("an owner's database, keys and addresses do not reach the tests", () => {
  const kept = allowedEnvironment({
    PATH: "/bin",
    HOME: "/home/owner",
    DATABASE_URL: "postgres://owner@127.0.0.1/gallery",
    RUNPOD_API_KEY: "secret",
    TEMPORAL_ADDRESS: "127.0.0.1:7233",
    API_TOKEN: "0123456789abcdef",
    DATA_DIR: "/photos",
  });
  expect(kept).toEqual({ PATH: "/bin", HOME: "/home/owner" });
});

const owners = "postgres://owner:pw@localhost:5432/gallery";

test.each([
  ["the same text", owners],
  ["the same database in another form", "postgres://other@127.0.0.1/gallery?sslmode=disable"],
])("TEST_DATABASE_URL with %s as DATABASE_URL is refused", (_, wanted) => {
  expect(() => chooseTestDatabase({ TEST_DATABASE_URL: wanted }, { DATABASE_URL: owners })).toThrow(
    Refusal,
  );
  expect(() => chooseTestDatabase({ DATABASE_URL: owners }, { TEST_DATABASE_URL: wanted })).toThrow(
    Refusal,
  );
});

test("another database of the same server is accepted; without a setting there is none", () => {
  const wanted = "postgres://owner:pw@localhost:5432/postgres";
  expect(chooseTestDatabase({ TEST_DATABASE_URL: wanted }, { DATABASE_URL: owners })).toBe(wanted);
  expect(chooseTestDatabase({ DATABASE_URL: owners }, {})).toBeUndefined();
});

test("counts are taken from the whole report, not from its parts", () => {
  const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="7" assertions="9" failures="2" skipped="1" time="0.1">
  <testsuite name="a.test.ts" tests="3" failures="0" skipped="0"/>
</testsuites>`;
  expect(countTests(report)).toEqual({ passed: 4, failed: 2, skipped: 1 });
  expect(countTests("")).toEqual({ passed: 0, failed: 0, skipped: 0 });
});

test("a report has the counts of each file, with those of its groups of tests", () => {
  const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="4" assertions="9" failures="1" skipped="1" time="1.5">
  <testsuite name="tests/a.test.ts" file="tests/a.test.ts" tests="3" failures="1" skipped="1" time="1.25">
    <testsuite name="x" file="tests/a.test.ts" line="1" tests="2" failures="1" skipped="0" time="0.5">
    </testsuite>
  </testsuite>
  <testsuite name="tests/b.test.ts" file="tests/b.test.ts" tests="1" failures="0" skipped="0" time="0.25">
  </testsuite>
</testsuites>`;
  expect([...countFiles(report)]).toEqual([
    ["tests/a.test.ts", { passed: 1, failed: 1, skipped: 1, seconds: 1.25 }],
    ["tests/b.test.ts", { passed: 1, failed: 0, skipped: 0, seconds: 0.25 }],
  ]);
});

test("short files of a folder share a process; long ones and unknown ones of tests/e2e have their own, and begin first", () => {
  const short = Array.from({ length: 12 }, (_, index) => `tests/api/${index}.test.ts`);
  const [a, b, c] = ["tests/e2e/a.test.ts", "tests/e2e/b.test.ts", "tests/e2e/c.test.ts"] as const;
  const unknown = "tests/e2e/unknown.test.ts";
  const [long, unit] = ["tests/api/long.test.ts", "tests/unit/a.test.ts"] as const;
  const expected = { [long]: 60, [a]: 15, [b]: 20, [c]: 30 };
  const groups = groupFiles([...short, a, b, c, long, unit, unknown], expected);
  expect(groups.slice(0, 4)).toEqual([[long], [unknown], [c, a], [b]]);
  expect(groups.slice(4)).toEqual([short.slice(0, 10), short.slice(10), [unit]]);
});

test("counts of several reports are added up", () => {
  const one = { passed: 4, failed: 2, skipped: 1 };
  expect(sumCounts([one, one])).toEqual({ passed: 8, failed: 4, skipped: 2 });
  expect(sumCounts([])).toEqual({ passed: 0, failed: 0, skipped: 0 });
});

const root = join(import.meta.dir, "../..");
const filesOf = (args: string[], calledFrom = root) =>
  findTestFiles(root, readTestOptions(args, root, calledFrom));

test("a run has every test file but the nightly ones, a nightly run has them all", () => {
  const usual = filesOf([]);
  const all = filesOf(["--nightly"]);
  const nightly = all.filter((file) => file.startsWith("tests/nightly/"));
  expect(nightly.length).toBeGreaterThan(0);
  expect(all.filter((file) => !nightly.includes(file))).toEqual(usual);
  expect(usual).toContain("tests/unit/dev-test-run.test.ts");
});

test("paths are as the caller sees them, also of nightly files; what is no path is left to bun test", () => {
  const own = "tests/unit/dev-test-run.test.ts";
  expect(filesOf(["dev-test-run.test.ts"], import.meta.dir)).toEqual([own]);
  expect(filesOf(["tests/nightly"]).length).toBeGreaterThan(0);
  expect(filesOf(["tests/unit"])).toContain(own);
  const { others, paths } = readTestOptions(["-t", "sweep", "--all-versions", own], root, root);
  expect([others, paths]).toEqual([["-t", "sweep"], [own]]);
});

test("files that are known to be long exist", async () => {
  const known = Object.keys(await Bun.file(join(root, "tests/seconds.json")).json());
  expect(filesOf(["--nightly"])).toEqual(expect.arrayContaining(known));
});
