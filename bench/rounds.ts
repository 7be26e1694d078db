/** The median; the upper one of two middle values. */
export function median(values: readonly number[]): number {
  const middle = values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
  if (middle === undefined) throw new Error("nothing was measured");
  return middle;
}

/**
 * Measures alternately (A B A B …), so that other load on the machine affects all equally.
 * @returns the median of each
 */
export async function measureInTurn<Name extends string>(
  rounds: number,
  measures: Record<Name, (round: number) => Promise<number>>,
): Promise<Record<Name, number>> {
  const seen = new Map<Name, number[]>();
  const names = Object.keys(measures) as Name[];
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) {
      seen.set(name, [...(seen.get(name) ?? []), await measures[name](round)]);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(seen.get(name) ?? [])])) as Record<
    Name,
    number
  >;
}
