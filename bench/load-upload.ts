import { basename } from "node:path";
import { answerScript } from "./script";

type Load = { url: string; files: string[]; atOnce: number };

/**
 * Uploads each file, `atOnce` at a time.
 * @returns the rate and the ids of the new photos
 */
async function upload({ url, files, atOnce }: Load): Promise<{ perSecond: number; ids: string[] }> {
  const boundary = "gallery-bench";
  // Read beforehand, so that the sender's disk is not measured.
  const bodies = await Promise.all(
    files.map(async (path) =>
      Buffer.concat([
        Buffer.from(
          `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${basename(path)}"\r\nContent-Type: image/png\r\n\r\n`,
        ),
        await Bun.file(path).bytes(),
        Buffer.from(`\r\n--${boundary}--\r\n`),
      ]),
    ),
  );
  const ids: string[] = [];
  let next = 0;
  const send = async () => {
    for (let body = bodies[next++]; body; body = bodies[next++]) {
      const response = await fetch(`${url}/api/v1/photos`, {
        method: "POST",
        headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
        body,
      });
      const answer = (await response.json()) as { id: string };
      if (response.status !== 201) throw new Error(`an upload was rejected: ${response.status}`);
      ids.push(answer.id);
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: atOnce }, send));
  return { perSecond: files.length / ((performance.now() - startedAt) / 1_000), ids };
}

await answerScript(upload);
