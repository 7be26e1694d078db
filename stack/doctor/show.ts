import type { Finding } from "./finding";

const indent = " ".repeat(22);

/** One line for each finding, and what to do below those that are not ok. */
export function showFindings(findings: readonly Finding[]): string {
  const lines = findings.flatMap(({ part, state, text, advice }) => [
    `${state.padEnd(9)}${part.padEnd(13)}${text}`,
    ...(advice === undefined ? [] : [`${indent}${advice}`]),
  ]);
  const count = (state: Finding["state"]) => findings.filter((one) => one.state === state).length;
  return `${lines.join("\n")}\n\n${summary(count("fault"), count("warning"))}`;
}

function summary(faults: number, warnings: number): string {
  if (faults + warnings === 0) return "All is well.";
  const parts = [
    faults > 0 ? `${faults} fault${faults === 1 ? "" : "s"}` : "",
    warnings > 0 ? `${warnings} warning${warnings === 1 ? "" : "s"}` : "",
  ];
  return `${parts.filter(Boolean).join(", ")}.`;
}
