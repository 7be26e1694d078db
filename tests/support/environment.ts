/** A variable that `./gallery test` sets for the run. */
export function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the tests with ./gallery test`);
  return value;
}

/** An optional variable, set by the person who runs the tests. */
export function given(name: string): string | undefined {
  return process.env[name];
}
