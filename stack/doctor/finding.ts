import { AppError, ProviderError } from "#errors";
import { Refusal } from "../refusal";

export type Finding = {
  part: string;
  state: "ok" | "warning" | "fault";
  /** One sentence. */
  text: string;
  /** What to do about it. */
  advice?: string;
};

type Report = {
  ok: (text: string) => void;
  warning: (text: string, advice: string) => void;
  fault: (text: string, advice: string) => void;
};

/** Examines one part; a part that is too late or fails unexpectedly is a fault. */
export type Check = { part: string; run: (report: Report) => Promise<void> };

/** Runs all checks at once and returns their findings in order, after `timeoutMs` at the latest. */
export async function runChecks(checks: readonly Check[], timeoutMs: number): Promise<Finding[]> {
  const found = await Promise.all(checks.map((check) => runCheck(check, timeoutMs)));
  return found.flat();
}

async function runCheck({ part, run }: Check, timeoutMs: number): Promise<Finding[]> {
  const findings: Finding[] = [];
  let isOver = false;
  const add = (state: Finding["state"]) => (text: string, advice?: string) => {
    if (!isOver) findings.push({ part, state, text, ...(advice !== undefined && { advice }) });
  };
  const report: Report = { ok: add("ok"), warning: add("warning"), fault: add("fault") };
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(() => timeout.reject(new TooLate()), timeoutMs);
  try {
    await Promise.race([run(report), timeout.promise]);
  } catch (error) {
    const seconds = Math.ceil(timeoutMs / 1_000);
    if (error instanceof TooLate) {
      report.fault(
        `the check did not end within ${seconds} s`,
        "It hangs or is overloaded; read its log, and restart it.",
      );
    } else report.fault(`cannot be checked: ${reasonOf(error)}`, "Read the logs of this part.");
  } finally {
    clearTimeout(timer);
    isOver = true;
  }
  return findings;
}

class TooLate extends Error {}

/** Why something failed, without what messages of drivers and libraries may hold: URLs, parameters, secrets. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  if (error instanceof AppError || error instanceof ProviderError || error instanceof Refusal) {
    return error.message;
  }
  const { code } = (error.cause instanceof Error ? error.cause : error) as { code?: unknown };
  return typeof code === "string" || typeof code === "number" ? String(code) : error.name;
}
