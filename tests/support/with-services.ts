import { findS3Server } from "#dev/s3-server";
import { startTestServices } from "#stack/test-services";

/**
 * For a script that is started by hand and needs the services of the tests: starts them, runs the script again with
 * their environment, and ends with its exit code. Returns at once in that second run.
 * @param script its path
 */
export async function withServices(script: string, { s3 = false } = {}): Promise<void> {
  if (Bun.env["TEST_WORKFLOW_BUNDLE"] !== undefined) return;
  const root = new URL("../../", import.meta.url).pathname;
  const services = await startTestServices(root, Bun.env, { durable: false });
  if (s3) services.env["TEST_S3_SERVER"] = await findS3Server(services.guardian, Bun.env);
  const again = Bun.spawn([process.execPath, "--no-env-file", script, ...Bun.argv.slice(2)], {
    env: services.env,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const code = await again.exited;
  await services.stop();
  process.exit(code);
}
