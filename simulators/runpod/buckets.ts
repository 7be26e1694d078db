import { Problem } from "./problems.ts";

type BucketSize = "hour" | "day" | "week" | "month" | "year";

export type Window = { startTime: number; endTime: number; bucketSize: BucketSize };

const sizes: readonly string[] = ["hour", "day", "week", "month", "year"];
const dayMs = 86_400_000;
const defaultDays = 30;

/** The billing window of a query, snapped to whole buckets. @throws Problem 400 or 422 */
export function readWindow(query: URLSearchParams, now: number): Window {
  const size = query.get("bucketSize") ?? "day";
  if (!sizes.includes(size)) throw new Problem(422, "invalid request: bucketSize");
  const bucketSize = size as BucketSize;
  const lastN = query.get("lastN");
  if (lastN !== null) {
    if (query.has("startTime") || query.has("endTime")) {
      throw new Problem(400, "lastN excludes startTime and endTime");
    }
    if (!/^[1-9]\d*$/.test(lastN)) throw new Problem(422, "invalid request: lastN");
    let startTime = bucketStart(now, bucketSize);
    for (let n = 1; n < Number(lastN); n += 1) startTime = bucketStart(startTime - 1, bucketSize);
    return { startTime, endTime: nextBucket(now, bucketSize), bucketSize };
  }
  const from = readTime(query, "startTime") ?? now - defaultDays * dayMs;
  const to = readTime(query, "endTime") ?? now;
  const startTime = bucketStart(from, bucketSize);
  const isOnBoundary = bucketStart(to, bucketSize) === to;
  return { startTime, endTime: isOnBoundary ? to : nextBucket(to, bucketSize), bucketSize };
}

/** The buckets of a window, as pairs of start and end. */
export function* bucketsOf({
  startTime,
  endTime,
  bucketSize,
}: Window): Generator<[number, number]> {
  for (let start = startTime; start < endTime;) {
    const end = nextBucket(start, bucketSize);
    yield [start, end];
    start = end;
  }
}

function readTime(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new Problem(422, `invalid request: ${name}`);
  return time;
}

/** Weeks begin on Monday; everything is in UTC. */
function bucketStart(at: number, size: BucketSize): number {
  const date = new Date(at);
  if (size === "hour") return date.setUTCMinutes(0, 0, 0);
  date.setUTCHours(0, 0, 0, 0);
  if (size === "week") date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7));
  if (size === "month" || size === "year") date.setUTCDate(1);
  if (size === "year") date.setUTCMonth(0);
  return date.getTime();
}

function nextBucket(at: number, size: BucketSize): number {
  const date = new Date(bucketStart(at, size));
  if (size === "hour") return date.getTime() + 3_600_000;
  if (size === "day") date.setUTCDate(date.getUTCDate() + 1);
  if (size === "week") date.setUTCDate(date.getUTCDate() + 7);
  if (size === "month") date.setUTCMonth(date.getUTCMonth() + 1);
  if (size === "year") date.setUTCFullYear(date.getUTCFullYear() + 1);
  return date.getTime();
}
