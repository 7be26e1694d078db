import { expect, test } from "bun:test";
import sharp from "sharp";
import { paint } from "#simulators/invokeai/paint";

const scene = { prompt: "a red boat on a lake", seed: 4, width: 96, height: 64 };

/** The mean difference of two pictures per channel, from 0 to 255. */
async function distance(a: Buffer, b: Buffer): Promise<number> {
  const [one, two] = await Promise.all(
    [a, b].map((png) => sharp(png).removeAlpha().raw().toBuffer()),
  );
  if (one === undefined || two === undefined) throw new Error("no pixels");
  return (
    one.reduce((sum, value, index) => sum + Math.abs(value - (two[index] ?? 0)), 0) / one.length
  );
}

test("the same scene gives the same picture, in the requested size", async () => {
  const [one, two] = [await paint(scene), await paint(scene)];
  expect(one.equals(two)).toBe(true);
  expect(await sharp(one).metadata()).toMatchObject({ format: "png", width: 96, height: 64 });
});

test("another seed, prompt or variant gives another picture", async () => {
  const base = await paint(scene);
  for (const change of [{ seed: 5 }, { prompt: "a snowy mountain" }, { variant: "lora" }]) {
    expect(await distance(base, await paint({ ...scene, ...change }))).toBeGreaterThan(1);
  }
});

test("the source is more visible with a lower strength", async () => {
  const bytes = await paint({ ...scene, prompt: "a night sky", seed: 9 });
  const at = async (strength: number) =>
    distance(bytes, await paint({ ...scene, source: { bytes, strength } }));
  const distances = [await at(0), await at(0.3), await at(0.7), await at(1)];
  expect(distances[0]).toBe(0);
  expect(distances).toEqual(distances.toSorted((a, b) => a - b));
  expect(distances[3]).toBeGreaterThan((distances[1] ?? 0) * 2);
});
