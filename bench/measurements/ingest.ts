import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { paintPictures, writePictures } from "../pictures";
import { measureInTurn } from "../rounds";
import { runScript } from "../script";
import type { BenchStack } from "../stack";
import type { Row } from "../table";

/** InvokeAI 6.14's own gallery on two cores of this kind, two uploads at once, in another run. */
const invokeaiPerSecond = 7.6;
const rounds = 5;
const picturesARound = 24;

/** Uploads of 1024² PNGs (stored, hashed, derived, with a row), against the same derivatives in a plain loop. */
export async function measureIngest(stack: BenchStack): Promise<Row[]> {
  const pictures = await paintPictures(picturesARound);
  const folder = join(stack.folder, "pictures");
  // The API decodes as many pictures at once as there are cores.
  const atOnce = availableParallelism();
  const filesOf = (round: number) => writePictures(pictures, folder, `round ${round}`);
  const upload = async (round: number) => {
    const load = { url: stack.url, files: await filesOf(round), atOnce };
    return (await runScript<{ perSecond: number }>("load-upload", load)).perSecond;
  };
  // The first files include the cost of the process's start.
  await upload(rounds);
  const { ours, plain } = await measureInTurn(rounds, {
    ours: upload,
    plain: async (round) =>
      runScript<number>("baseline-derive", { files: await filesOf(round), atOnce }),
  });
  await rm(folder, { recursive: true });
  const megabytes = pictures.reduce((sum, png) => sum + png.length, 0) / pictures.length / 1e6;
  const what = `ingest of 1024² PNGs of ${megabytes.toFixed(1)} MB, ${atOnce} at once`;
  return [
    {
      what,
      ours,
      unit: "/s",
      baseline: { what: "plain sharp loop", value: plain },
      aim: { atLeast: 0.6 },
    },
    {
      what,
      ours,
      unit: "/s",
      baseline: { what: "InvokeAI's gallery, another run", value: invokeaiPerSecond },
      aim: { atLeast: 1.5 },
    },
  ];
}
