import type { StepStatus } from "./schema/steps";

/** Times of the clock on the wall, such as `22:00`: from one to the next of the other, also past midnight. */
export type TimeWindow = { from: string; to: string };

/** When a step may get its turn. */
export type Schedule = { notBefore: Date | null; window: TimeWindow | null };

/** `opensAt`: null, it is open. `closesAt`: null, it stays open. */
export type Opening = { opensAt: Date | null; closesAt: Date | null };

const dayMs = 24 * 60 * 60 * 1_000;

/**
 * When a step may get its turn, as of `now`. A window begins and ends when a clock in the time zone shows these times. A time that
 * the clock skips in spring is as long after the skip; of one that it shows twice in autumn, the first counts.
 */
export function openingOf(schedule: Schedule, now: Date, timeZone: string): Opening {
  const { notBefore, window } = schedule;
  const earliest = notBefore !== null && notBefore > now ? notBefore : now;
  const openFrom = (at: Date) => (at > now ? at : null);
  if (window === null) return { opensAt: openFrom(earliest), closesAt: null };
  const from = minutesOf(window.from);
  const to = minutesOf(window.to) + (window.to <= window.from ? 24 * 60 : 0);
  const today = Math.floor(wallClock(earliest, timeZone) / dayMs);
  for (let day = today - 1; ; day += 1) {
    const closesAt = instantOf(day * dayMs + to * 60_000, timeZone);
    if (closesAt <= earliest) continue;
    const begins = instantOf(day * dayMs + from * 60_000, timeZone);
    return { opensAt: openFrom(begins > earliest ? begins : earliest), closesAt };
  }
}

/** Whether a step may get its turn now. One that has started goes on at any time. */
export function isOpen(
  step: Schedule & { status: StepStatus },
  now: Date,
  timeZone: string,
): boolean {
  return step.status === "processing" || openingOf(step, now, timeZone).opensAt === null;
}

/** Why a step waits that is not open: what the user reads. */
export function closedMessage(schedule: Schedule, opensAt: Date, timeZone: string): string {
  const clock = new Date(wallClock(opensAt, timeZone)).toISOString();
  const until = `${clock.slice(0, 10)} ${clock.slice(11, 16)} (${timeZone})`;
  const { window } = schedule;
  return window === null
    ? `Not to start before ${until}.`
    : `Not to start before ${until}, for its window from ${window.from} to ${window.to}.`;
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(":").map(Number);
  return hours * 60 + minutes;
}

/** Making one takes a hundred times longer than using it. */
const clocks = new Map<string, Intl.DateTimeFormat>();

/** What a clock in the time zone shows, as milliseconds since 1970 of a clock in UTC that shows the same. */
function wallClock(at: Date, timeZone: string): number {
  let clock = clocks.get(timeZone);
  if (clock === undefined) {
    clock = new Intl.DateTimeFormat("en-u-hc-h23", {
      timeZone,
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    clocks.set(timeZone, clock);
  }
  const parts = clock.formatToParts(at);
  const of = (type: string) => Number(parts.find((part) => part.type === type)?.value);
  const [year, month, day] = [of("year"), of("month"), of("day")];
  return Date.UTC(year, month - 1, day, of("hour"), of("minute"), of("second"));
}

/** The inverse of `wallClock`. */
function instantOf(wall: number, timeZone: string): Date {
  const offsetAt = (ms: number) => wallClock(new Date(ms), timeZone) - ms;
  // The offsets before and after any change of the clock that day.
  const [before, after] = [wall - offsetAt(wall - dayMs), wall - offsetAt(wall + dayMs)];
  const shown = [before, after].filter((ms) => wallClock(new Date(ms), timeZone) === wall);
  return new Date(shown.length > 0 ? Math.min(...shown) : before);
}
