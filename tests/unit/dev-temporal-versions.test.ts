import { expect, test } from "bun:test";
import { isFixed } from "#stack/temporal-binary";

test("a Temporal server with known vulnerabilities is not used, a fixed or newer one is", () => {
  const refused = ["1.28.4", "1.29.1", "1.29.5", "1.30.0", "1.30.3"];
  const taken = ["1.29.6", "1.29.7", "1.30.4", "1.31.0", "1.32.0", "2.0.0"];
  expect(refused.filter(isFixed)).toEqual([]);
  expect(taken.filter(isFixed)).toEqual(taken);
});
