import { afterAll, beforeAll, expect, test } from "bun:test";
import { cp, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateSource } from "oazapfts";
import { allowedEnvironment } from "#stack/environment";
import { paint } from "#simulators/invokeai/paint";
import { runTool } from "#dev/tool";
import { type Stack, startStack } from "#tests/support/stack";

const root = join(import.meta.dir, "../..");
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gallery-typed-client-"));
  await cp(join(root, "tests/fixtures/typed-client"), folder, { recursive: true });
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  const client = await generateSource(join(root, "docs/openapi.json"));
  await Bun.write(join(folder, "client.ts"), client);
}, 60_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

test("a client generated from the OpenAPI document compiles, and so does the tour written with it", async () => {
  const env = allowedEnvironment(Bun.env);
  const { success, output } = await runTool(root, ["tsc", "--project", folder], env);
  expect(output).toBe("");
  expect(success).toBe(true);
}, 60_000);

test("the generated client completes the tour, from an upload to a share link", async () => {
  const stack = await startStack();
  try {
    const seen = await takeTour(stack);
    expect(seen.inAlbum).toHaveLength(seen.asked);
    expect(seen.selected).toBe(seen.chosen);
    const { album } = seen.shared;
    expect(album?.photos.items.map(({ id }) => id).toSorted()).toEqual(seen.inAlbum.toSorted());
    expect(seen.unknown).toBe("not_found");
  } finally {
    await stack.stop();
  }
}, 120_000);

async function takeTour(stack: Stack): Promise<Seen> {
  const [{ url }] = await Promise.all([stack.startApi(), stack.startWorker()]);
  const picture = await paint({ prompt: "a lake", seed: 1, width: 256, height: 256 });
  const { tour } = (await import(join(folder, "tour.ts"))) as {
    tour: (baseUrl: string, picture: Blob) => Promise<Seen>;
  };
  return tour(url, new File([new Uint8Array(picture)], "lake.png", { type: "image/png" }));
}

type Seen = {
  asked: number;
  chosen: string;
  selected: string | undefined;
  inAlbum: string[];
  shared: { album?: { photos: { items: { id: string }[] } } };
  unknown: unknown;
};
