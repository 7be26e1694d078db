/**
 * Polls until the answer is not undefined.
 * @throws the error of `onTimeout` after `timeoutMs`, or any error of `ask`
 */
export async function waitFor<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  { timeoutMs, everyMs = 50, onTimeout }: Waiting,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  while (true) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw onTimeout();
    await Bun.sleep(everyMs);
  }
}

type Waiting = { timeoutMs: number; everyMs?: number; onTimeout: () => Error };
