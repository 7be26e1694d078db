import { fileURLToPath } from "node:url";
import { AppError } from "#errors";
import type { CopyOrder, CopyResult } from "./order";

/** An idle process is stopped to free its memory. */
const idleMs = 10_000;

export type CopyProcess = {
  /**
   * @param limitMs an order that takes longer is stopped by SIGKILL and ends as `too_costly`
   * @throws AppError unavailable once `closing` is aborted
   */
  run(order: CopyOrder, limitMs: number): Promise<CopyResult>;
};

/**
 * A separate process for visitors' work, one order at a time: native code cannot be interrupted in this process, and a
 * niced process leaves the CPU to the owner's requests. It starts with the first order and gets no environment
 * variables, so it holds no secrets.
 */
export function createCopyProcess(closing: AbortSignal): CopyProcess {
  let child: Bun.Subprocess | undefined;
  let answer: ((result: CopyResult) => void) | undefined;
  let idle: ReturnType<typeof setTimeout> | undefined;
  let last: Promise<unknown> = Promise.resolve();

  function start(): Bun.Subprocess {
    const nice = Bun.which("nice");
    const path = fileURLToPath(new URL("./child.ts", import.meta.url));
    const program = [process.execPath, "--no-env-file", path];
    const started = Bun.spawn(nice === null ? program : [nice, "-n", "10", ...program], {
      env: {},
      stdio: ["ignore", "ignore", "ignore"],
      ipc: (result: CopyResult) => {
        if (child === started) answer?.(result);
      },
      onExit: () => {
        if (child !== started) return;
        child = undefined;
        // It ran out of memory, or the picture crashed a decoder.
        answer?.({ fault: "too_costly" });
      },
    });
    started.unref();
    return started;
  }

  function kill(): void {
    const killed = child;
    child = undefined;
    killed?.kill("SIGKILL");
  }

  closing.addEventListener("abort", () => {
    kill();
    answer?.({ fault: "storage" });
  });

  async function runOne(order: CopyOrder, limitMs: number): Promise<CopyResult> {
    if (closing.aborted) throw stopped();
    clearTimeout(idle);
    const { promise, resolve } = Promise.withResolvers<CopyResult>();
    answer = resolve;
    try {
      child ??= start();
      child.send(order);
    } catch {
      // The process could not start or has just ended: not the picture's fault.
      kill();
      resolve({ fault: "storage" });
    }
    const timer = setTimeout(() => {
      kill();
      resolve({ fault: "too_costly" });
    }, limitMs);
    try {
      const result = await promise;
      if (closing.aborted) throw stopped();
      return result;
    } finally {
      answer = undefined;
      clearTimeout(timer);
      idle = setTimeout(kill, idleMs);
      idle.unref();
    }
  }

  return {
    run(order, limitMs) {
      const next = last.then(() => runOne(order, limitMs));
      last = next.catch(() => undefined);
      return next;
    },
  };
}

function stopped(): AppError {
  return new AppError({
    kind: "unavailable",
    code: "server_error",
    message: "The server is stopping; try again in a few seconds.",
  });
}
