import { availableParallelism } from "node:os";
import sharp from "sharp";
import { createApiClient } from "#stack/demo/client";
import { invokeaiMirrorId } from "#workflows/invokeai-mirror/contract";
import type { MeasureOptions } from "../options";
import { paintPictures } from "../pictures";
import { measureInTurn } from "../rounds";
import { runScript } from "../script";
import type { BenchStack } from "../stack";
import type { Row } from "../table";

const rounds = 4;

/** Mirrors pictures of InvokeAI's own page, against a plain download with sharp of the same pictures. */
export async function measureMirror(
  stack: BenchStack,
  { isShort }: MeasureOptions,
): Promise<Row[]> {
  const api = createApiClient(stack.url, {});
  const [turns, perRound] = isShort ? [1, 20] : [rounds, 500];
  const [painted] = await paintPictures(1);
  const { data, info } = await sharp(painted).raw().toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const mirror = (value: "all" | "off") =>
    api.call("PATCH", "/settings", { backend: { mirror: value } });
  const taken = async () => (await api.call<{ taken: number }>("GET", "/backend/mirror")).taken;
  let names: string[] = [];
  let made = 0;

  async function mirrorNew(): Promise<number> {
    names = [];
    for (let at = 0; at < perRound; at += 1) {
      made += 1;
      // In its pixels: InvokeAI encodes an upload again, and equal bytes would be one photo.
      data.writeUInt32BE(made, 0);
      const raw = sharp(data, { raw: { width, height, channels } });
      names.push(
        await upload(stack.simulatorUrl, await raw.png({ compressionLevel: 3 }).toBuffer()),
      );
    }
    const wanted = (await taken()) + perRound;
    const startedAt = performance.now();
    await mirror("all");
    while ((await taken()) < wanted) await Bun.sleep(250);
    const seconds = (performance.now() - startedAt) / 1_000;
    await mirror("off");
    const run = stack.temporal.workflow.getHandle(invokeaiMirrorId);
    while ((await run.describe()).status.name !== "COMPLETED") await Bun.sleep(200);
    return seconds;
  }

  const seen = await measureInTurn(turns, {
    mirror: mirrorNew,
    baseline: () =>
      runScript<number>("baseline-retrieve", {
        urls: names.map((name) => `${stack.simulatorUrl}/api/v1/images/i/${name}/full`),
        atOnce: Math.min(2, availableParallelism()),
      }),
  });
  return [
    {
      what: `mirror of ${turns * perRound} pictures of 1024²`,
      ours: perRound / seen.mirror,
      unit: "/s",
      baseline: { what: "plain download and sharp loop", value: perRound / seen.baseline },
      aim: { atLeast: 0.7 },
    },
  ];
}

/** Uploads a picture to InvokeAI's gallery; returns its name. */
async function upload(simulatorUrl: string, png: Uint8Array): Promise<string> {
  const form = new FormData();
  form.append("file", new File([new Uint8Array(png)], "hills.png", { type: "image/png" }));
  const path = "api/v1/images/upload?image_category=user&is_intermediate=false";
  const answer = await fetch(new URL(path, `${simulatorUrl}/`), { method: "POST", body: form });
  if (!answer.ok) throw new Error(`the upload was answered with ${answer.status}`);
  return ((await answer.json()) as { image_name: string }).image_name;
}
