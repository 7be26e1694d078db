/** Short pauses first, for conditions that are met at once; the longest leave the processor to the program under test. */
const [firstPauseMs, longestPauseMs] = [5, 80];

/** Polls `check` with growing pauses until it returns a value; `seen` adds to the error what was there instead. */
export async function until<T>(
  what: string,
  check: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  timeoutMs = 30_000,
  seen: () => string = () => "",
  longestMs = longestPauseMs,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 1.5, longestMs)) {
    const found = await check();
    if (found !== undefined && found !== null && found !== false) return found;
    if (Date.now() > deadline) {
      throw new Error(`waited ${timeoutMs} ms in vain for ${what}\n${seen()}`.trimEnd());
    }
    await Bun.sleep(pauseMs);
  }
}
