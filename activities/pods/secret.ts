import { createHmac, randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

const bytes = 32;

/** What is derived from the secret file in the data folder: never in rows, histories or logs. */
export type PodSecret = {
  /** Of InvokeAI's administrator at a place: the same for each pod that mounts its volume. */
  administratorOf: (place: string) => { email: string; password: string };
  beatTokenOf: (sessionId: string) => string;
};

/** Reads the secret of this installation; the first call makes it. Whoever has it can log in to its pods. */
export async function openPodSecret(dataDir: string): Promise<PodSecret> {
  const path = join(dataDir, "pod-secret");
  const secret = (await read(path)) ?? (await make(dataDir, path));
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
  const secret = Buffer.from(text.trim(), "base64url");
  if (secret.length === bytes) return secret;
  throw new Error(
    "The file pod-secret in the data folder is damaged; restore it, or delete it to make another one.",
  );
}

/** Linked into place as a whole: of two workers that start at once, one wins and both read the same. */
async function make(dataDir: string, path: string): Promise<Buffer> {
  await mkdir(dataDir, { recursive: true });
  const unfinished = `${path}.${randomBytes(8).toString("hex")}`;
  const file = await open(unfinished, "wx", 0o600);
  try {
    await file.writeFile(`${randomBytes(bytes).toString("base64url")}\n`);
    await file.sync();
    await link(unfinished, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  } finally {
    await file.close();
    await rm(unfinished, { force: true });
  }
  return (await read(path))!;
}
