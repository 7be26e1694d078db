import { answerScript } from "./script";

type Load = { url: string; paths: string[]; visitors: number; seconds: number; pauseMs: number };

/**
 * Simulates visitors that request the first byte of one path after another.
 * @returns responses per second
 */
async function load({ url, paths, visitors, seconds, pauseMs }: Load) {
  const endsAt = performance.now() + seconds * 1_000;
  let next = 0;
  let answered = 0;
  const visit = async () => {
    while (performance.now() < endsAt) {
      const path = paths[next++ % paths.length]!;
      const answer = await fetch(`${url}${path}`, { headers: { range: "bytes=0-0" } });
      await answer.arrayBuffer();
      if (![206, 429].includes(answer.status)) throw new Error(`answered ${answer.status}`);
      answered += 1;
      await Bun.sleep(pauseMs);
    }
  };
  await Promise.all(Array.from({ length: visitors }, visit));
  return { perSecond: answered / seconds };
}

await answerScript(load);
