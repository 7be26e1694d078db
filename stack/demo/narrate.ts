/** Prints the next step of a tour. */
export type Narrate = (text: string) => void;

/**
 * Runs a tour and prints its numbered steps.
 * @returns false when a step failed; the reason is printed
 */
export async function showSteps(
  heading: string,
  run: (narrate: Narrate) => Promise<void>,
): Promise<boolean> {
  let number = 0;
  console.log(`${heading}\n`);
  try {
    await run((text) => console.log(`  ${++number}. ${text}`));
    return true;
  } catch (error) {
    console.error(
      `\nThe tour ended early. ${error instanceof Error ? error.message : String(error)}`,
    );
    return false;
  }
}
