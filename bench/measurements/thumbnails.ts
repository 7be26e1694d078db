import { join } from "node:path";
import { thumbnailKey } from "#media/storage/keys";
import type { LoadResult } from "../latencies";
import { paintPictures, writePictures } from "../pictures";
import { measureInTurn } from "../rounds";
import { runScript } from "../script";
import type { BenchStack } from "../stack";
import type { Row } from "../table";

/** InvokeAI 6.14's own gallery on two cores of this kind, 16 connections, in another run. */
const invokeaiPerSecond = 453;
const connections = 16;
const rounds = 5;
const seconds = 2;

/** Thumbnails over HTTP, against the same files from a server that does nothing else. */
export async function measureThumbnails(stack: BenchStack): Promise<Row[]> {
  const files = await writePictures(await paintPictures(12), join(stack.folder, "shown"), "shown");
  const { ids } = await runScript<{ ids: string[] }>("load-upload", {
    url: stack.url,
    files,
    atOnce: 2,
  });
  const paths = ids.map((id) => join(stack.folder, "data", thumbnailKey(id)));
  const program = join(import.meta.dir, "../baseline-files.ts");
  const baselineServer = await stack.startServer("baseline-files", {
    command: [process.execPath, "--no-env-file", program, ...paths],
    env: {},
  });
  const load = async (url: string, wanted: string[]) => {
    const work = { url, paths: wanted, connections, seconds };
    return (await runScript<LoadResult>("load-get", work)).perSecond;
  };
  const { ours, plain } = await measureInTurn(rounds, {
    ours: () =>
      load(
        stack.url,
        ids.map((id) => `/api/v1/photos/${id}/thumbnail?v=1`),
      ),
    plain: () =>
      load(
        baselineServer.url,
        ids.map((_, index) => `/${index}`),
      ),
  });
  await baselineServer.stop();
  const what = `thumbnails over HTTP, ${connections} connections`;
  return [
    {
      what,
      ours,
      unit: "/s",
      baseline: { what: "plain Bun.serve with Bun.file", value: plain },
      aim: { atLeast: 0.7 },
    },
    {
      what,
      ours,
      unit: "/s",
      baseline: { what: "InvokeAI's gallery, another run", value: invokeaiPerSecond },
      aim: { atLeast: 20 },
    },
  ];
}
