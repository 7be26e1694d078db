import { parseArgs } from "node:util";
import { runTests } from "./test";
import { Refusal } from "#stack/refusal";

const folder = "tests/conformance/storage";

/**
 * `./gallery test --s3 https://KEY:SECRET@host/bucket`: runs only tests/conformance/storage, on a folder of that bucket. What
 * the tests store there stays.
 * @returns the exit status; the last line printed is `N passed, N failed`
 */
export async function runOnForeignS3(
  root: string,
  args: readonly string[],
  env: Record<string, string | undefined>,
): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { s3: { type: "string" } } });
  const url = URL.parse(values.s3 ?? "");
  const isWhole = url?.username && url.password && url.pathname.length > 1;
  if (!isWhole) throw new Refusal("--s3 needs https://KEY:SECRET@host/bucket");
  return runTests(root, [folder], { ...env, GALLERY_TEST_S3_URL: url.href }, root);
}
