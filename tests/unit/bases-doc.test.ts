import { join } from "node:path";
import { expect, test } from "bun:test";
import { checkBasesDoc } from "#dev/bases-doc";

test("docs/generation/bases.md has the facts of each base", async () => {
  expect(await checkBasesDoc(join(import.meta.dir, "../.."))).toBeUndefined();
});
