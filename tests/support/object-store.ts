import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AwsClient } from "aws4fetch";
import { createObjectStore, type ObjectStoreAccess } from "#media/storage/s3/object-store";
import { findFreePort } from "#stack/ports";
import { given, required } from "./environment";
import { until } from "./wait";

const accessKeyId = "gallery";
const secretAccessKey = "a-secret-of-the-tests";

/**
 * A bucket of a real S3 server: versitygw on a folder, or the one of `./gallery test --s3`.
 * @param within the folder for its folder; default: that of temporary files
 */
export async function startObjectStore(within = tmpdir()): Promise<{
  access: ObjectStoreAccess;
  /** Writes other bytes where the server keeps an object. */
  damage: (key: string, bytes: Uint8Array) => Promise<void>;
  /** The keys of a new account that may do these actions in the bucket, such as `s3:GetObject`, and nothing else. */
  withRights: (actions: readonly string[]) => Promise<ObjectStoreAccess>;
  stop: () => Promise<void>;
}> {
  const access = { bucket: "photos", prefix: `${crypto.randomUUID()}/`, region: "us-east-1" };
  const elsewhere = given("GALLERY_TEST_S3_URL");
  if (elsewhere !== undefined) {
    const { origin, username, password, pathname } = new URL(elsewhere);
    const keys = {
      accessKeyId: decodeURIComponent(username),
      secretAccessKey: decodeURIComponent(password),
    };
    const own = { ...access, ...keys, endpoint: origin, bucket: pathname.slice(1) };
    const refuse = () => Promise.reject(new Error("not on a foreign server"));
    return { access: own, damage: refuse, withRights: refuse, stop: async () => {} };
  }
  const folder = await mkdtemp(join(within, "gallery-s3-"));
  const accounts = await mkdtemp(join(tmpdir(), "gallery-s3-accounts-"));
  await mkdir(join(folder, "photos"));
  const port = await findFreePort();
  const child = Bun.spawn(
    [
      required("TEST_S3_SERVER"),
      "--port",
      `127.0.0.1:${port}`,
      "--quiet",
      "--iam-dir",
      accounts,
      "posix",
      folder,
    ],
    {
      env: { ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    },
  );
  const here = { ...access, accessKeyId, secretAccessKey, endpoint: `http://127.0.0.1:${port}` };
  const store = createObjectStore(here);
  await until("the S3 server", () =>
    store.head("any").then(
      () => true,
      () => false,
    ),
  );
  return {
    access: here,
    // In place: the server's own notes on the object stay.
    damage: (key, bytes) => writeFile(join(folder, here.bucket, here.prefix + key), bytes),
    withRights: (actions) => addAccount(here, actions),
    async stop() {
      child.kill("SIGKILL");
      await child.exited;
      await rm(folder, { recursive: true });
      await rm(accounts, { recursive: true });
    },
  };
}

async function addAccount(
  owner: ObjectStoreAccess,
  actions: readonly string[],
): Promise<ObjectStoreAccess> {
  const keys = { accessKeyId: `account-${crypto.randomUUID()}`, secretAccessKey: "another-secret" };
  const asOwner = `--access ${owner.accessKeyId} --secret ${owner.secretAccessKey}`;
  const account = `--access ${keys.accessKeyId} --secret ${keys.secretAccessKey} --role user`;
  const command = `admin ${asOwner} --endpoint-url ${owner.endpoint} create-user ${account}`;
  const created = Bun.spawn([required("TEST_S3_SERVER"), ...command.split(" ")], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "inherit",
  });
  if ((await created.exited) !== 0) throw new Error("the account was not made");
  const arn = `arn:aws:s3:::${owner.bucket}`;
  const statement = (action: string) => ({
    Effect: "Allow",
    Principal: { AWS: [keys.accessKeyId] },
    Action: [action],
    Resource: [action.endsWith("Object") ? `${arn}/*` : arn],
  });
  const client = new AwsClient({ ...owner, service: "s3" });
  const answer = await client.fetch(`${owner.endpoint}/${owner.bucket}?policy`, {
    method: "PUT",
    body: JSON.stringify({ Version: "2012-10-17", Statement: actions.map(statement) }),
  });
  if (!answer.ok) throw new Error(`the rights were refused: ${await answer.text()}`);
  return { ...owner, ...keys };
}

/** The settings of a gallery whose photos are in this bucket. */
export const settingsOf = (access: ObjectStoreAccess): Record<string, string> => ({
  STORAGE: "s3",
  S3_ENDPOINT: access.endpoint,
  S3_BUCKET: access.bucket,
  S3_PREFIX: access.prefix,
  S3_ACCESS_KEY_ID: access.accessKeyId,
  S3_SECRET_ACCESS_KEY: access.secretAccessKey,
});
