import { createHmac, randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Storage } from "#media/storage/storage";

const bytes = 32;

/** What is derived from the secret file in the data folder: never in rows, histories or logs. */
export type PodSecret = {
  /** Of InvokeAI's administrator at a place: the same for each pod that mounts its volume. */
  administratorOf: (place: string) => { email: string; password: string };
  beatTokenOf: (sessionId: string) => string;
};

const name = "pod-secret";

/**
 * Reads the secret of this installation; the first call makes it. Whoever has it can log in to its pods. Where the library is
 * in a bucket, the secret is there too: every worker has to be able to log in to a pod that another one has rented. The file
 * in the data folder is then a copy, for backups.
 */
export async function openPodSecret(
  dataDir: string,
  storage: Pick<Storage, "agreeOn">,
): Promise<PodSecret> {
  const path = join(dataDir, name);
  const own = (await read(path)) ?? (await make(dataDir, path));
  const agreed = await storage.agreeOn(name, textOf(own));
  if (agreed !== textOf(own)) await replace(dataDir, path, agreed);
  const secret = parse(agreed);
  const derive = (purpose: string) =>
    createHmac("sha256", secret).update(purpose).digest("base64url");
  return {
    administratorOf: (place) => ({
      email: "gallery@example.com",
      // InvokeAI wants upper case, lower case and a digit in a password.
      password: `${derive(`administrator ${place}`)}Aa1`,
    }),
    beatTokenOf: (sessionId) => derive(`beat ${sessionId}`),
  };
}

async function read(path: string): Promise<Buffer | undefined> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  return parse(text);
}

const textOf = (secret: Buffer) => secret.toString("base64url");

function parse(text: string): Buffer {
  const secret = Buffer.from(text.trim(), "base64url");
  if (secret.length === bytes) return secret;
  throw new Error(
    "The file pod-secret in the data folder is damaged; restore it, or delete it to make another one.",
  );
}

/** Linked into place as a whole: of two workers that start at once, one wins and both read the same. */
async function make(dataDir: string, path: string): Promise<Buffer> {
  await writeWhole(dataDir, path, textOf(randomBytes(bytes)), (unfinished) =>
    link(unfinished, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    }),
  );
  return (await read(path))!;
}

async function replace(dataDir: string, path: string, text: string): Promise<void> {
  await writeWhole(dataDir, path, text, (unfinished) => rename(unfinished, path));
}

async function writeWhole(
  dataDir: string,
  path: string,
  text: string,
  place: (unfinished: string) => Promise<void>,
): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  const unfinished = `${path}.${randomBytes(8).toString("hex")}`;
  const file = await open(unfinished, "wx", 0o600);
  try {
    await file.writeFile(`${text}\n`);
    await file.sync();
    await place(unfinished);
  } finally {
    await file.close();
    await rm(unfinished, { force: true });
  }
}
