/** A stable 32-bit hash of a text. */
export function hashText(text: string): number {
  return Bun.hash.xxHash32(text);
}

/** A reproducible stream of numbers in [0, 1) (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A random number between `low` and `high`. */
export function between(random: () => number, low: number, high: number): number {
  return low + random() * (high - low);
}
