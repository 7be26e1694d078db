/** After this many looks a run continues as new: about a thousand events, whatever the model's size. */
export const maxLooksPerRun = 100;

/** The pause after a look: short at first, since small models take seconds. */
export function pauseAfter(looks: number, { installCheckMs }: { installCheckMs: number }): number {
  return Math.round(installCheckMs * Math.min(0.2 * 1.5 ** (looks - 1), 1));
}
