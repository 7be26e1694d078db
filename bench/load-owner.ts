import { basename } from "node:path";
import { summarise } from "./latencies";
import { answerScript } from "./script";

type Load = { url: string; reads: string[]; files: string[]; seconds: number };

const readsPerSecond = 20;

/** An owner who browses the gallery, one request after another, and uploads these files meanwhile. */
async function load({ url, reads, files, seconds }: Load) {
  const bodies = await Promise.all(files.map((path) => Bun.file(path).bytes()));
  const startedAt = performance.now();

  /** A latency is measured from the time a request was due, so a delay by an earlier request counts in full. */
  async function inTurn(amount: number, ask: (at: number) => Promise<Response>): Promise<number[]> {
    const latencies: number[] = [];
    for (let at = 0; at < amount; at += 1) {
      const dueAt = startedAt + (at * seconds * 1_000) / amount;
      await Bun.sleep(Math.max(0, dueAt - performance.now()));
      const answer = await ask(at);
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`the owner's request failed: ${answer.status}`);
      latencies.push(performance.now() - dueAt);
    }
    return latencies;
  }

  const look = () =>
    inTurn(seconds * readsPerSecond, (at) => fetch(`${url}${reads[at % reads.length]!}`));
  const upload = () =>
    inTurn(bodies.length, (at) => {
      const form = new FormData();
      form.append("file", new Blob([bodies[at]!]), basename(files[at]!));
      return fetch(`${url}/api/v1/photos`, { method: "POST", body: form });
    });

  const [looked, uploaded] = await Promise.all([look(), upload()]);
  return { reads: summarise(looked, seconds), uploads: summarise(uploaded, seconds) };
}

await answerScript(load);
