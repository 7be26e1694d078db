const size = 624;
const distance = 397;

/**
 * Numbers from 0 up to 1, as InvokeAI's editor draws them for a seed: MT19937 of Matsumoto and Nishimura, each 32-bit output
 * divided by 2³².
 */
export function mersenneTwister(seed: number): () => number {
  const state = new Uint32Array(size);
  state[0] = seed;
  for (let at = 1; at < size; at += 1) {
    const before = state[at - 1]!;
    state[at] = Math.imul(1_812_433_253, before ^ (before >>> 30)) + at;
  }
  let next = size;

  function renew(): void {
    for (let at = 0; at < size; at += 1) {
      const mixed = (state[at]! & 0x80000000) | (state[(at + 1) % size]! & 0x7fffffff);
      state[at] = state[(at + distance) % size]! ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    }
    next = 0;
  }

  return () => {
    if (next === size) renew();
    let value = state[next]!;
    next += 1;
    value ^= value >>> 11;
    value ^= (value << 7) & 0x9d2c5680;
    value ^= (value << 15) & 0xefc60000;
    value ^= value >>> 18;
    return (value >>> 0) / 2 ** 32;
  };
}
