import { createApiClient } from "#stack/demo/client";
import { chooseModel } from "#stack/demo/steps";
import { openSession, runStep } from "../generation-steps";
import type { MeasureOptions } from "../options";
import { median } from "../rounds";
import { runScript } from "../script";
import type { BenchStack } from "../stack";
import type { Row } from "../table";

const images = 2;

/** A step on a real InvokeAI until its images are on disk here, against the same batch sent and polled by a script. */
export async function measureReal(
  stack: BenchStack,
  { isShort, invokeaiUrl }: MeasureOptions,
): Promise<Row[]> {
  if (invokeaiUrl === undefined) {
    process.stderr.write("skipped: it needs a real InvokeAI, --invokeai URL … ");
    return [];
  }
  const api = createApiClient(stack.url, {});
  await api.call("PATCH", "/settings", { backend: { local_url: invokeaiUrl } });
  try {
    await api.call("POST", "/models/refresh", {});
    const { key, name } = await chooseModel(api);
    const asked = { model_key: key, batch_size: images, steps: 10 };
    const session = await openSession(api);
    // The first one loads the model.
    await runStep(api, session, asked);
    const ours: number[] = [];
    const plain: number[] = [];
    for (let pair = 0; pair < (isShort ? 1 : 12); pair += 1) {
      const run = await runStep(api, session, asked);
      ours.push(run.endedAt - run.requestedAt);
      plain.push(
        await runScript<number>("baseline-batch", { invokeaiUrl, batchId: run.batchId, images }),
      );
    }
    return [
      {
        what: `a step of ${images} images on a real InvokeAI, ${name}`,
        ours: median(ours) / 1_000,
        unit: "s",
        baseline: { what: "the batch alone, plain script", value: median(plain) / 1_000 },
        aim: { atMost: 1.15 },
      },
    ];
  } finally {
    await api.call("PATCH", "/settings", { backend: { local_url: stack.simulatorUrl } });
    await api.call("POST", "/models/refresh", {});
  }
}
