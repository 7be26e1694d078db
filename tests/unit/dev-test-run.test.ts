import { expect, test } from "bun:test";
import { allowedEnvironment } from "#dev/environment";
import { Refusal } from "#dev/refusal";
import { chooseTestDatabase } from "#dev/test-database";
import { countTests } from "#dev/test-report";

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
  ["the same database written otherwise", "postgres://other@127.0.0.1/gallery?sslmode=disable"],
])("TEST_DATABASE_URL with %s as DATABASE_URL is refused", (_, wanted) => {
  expect(() => chooseTestDatabase({ TEST_DATABASE_URL: wanted }, { DATABASE_URL: owners })).toThrow(
    Refusal,
  );
  expect(() => chooseTestDatabase({ DATABASE_URL: owners }, { TEST_DATABASE_URL: wanted })).toThrow(
    Refusal,
  );
});

test("another database of the same server is taken; without a wish there is none", () => {
  const wanted = "postgres://owner:pw@localhost:5432/postgres";
  expect(chooseTestDatabase({ TEST_DATABASE_URL: wanted }, { DATABASE_URL: owners })).toBe(wanted);
  expect(chooseTestDatabase({ DATABASE_URL: owners }, {})).toBeUndefined();
});

test("counts are those of the whole report, not of its parts", () => {
  const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="7" assertions="9" failures="2" skipped="1" time="0.1">
  <testsuite name="a.test.ts" tests="3" failures="0" skipped="0"/>
</testsuites>`;
  expect(countTests(report)).toEqual({ passed: 4, failed: 2, skipped: 1 });
  expect(countTests("")).toEqual({ passed: 0, failed: 0, skipped: 0 });
});
