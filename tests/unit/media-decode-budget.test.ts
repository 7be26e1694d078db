import { expect, test } from "bun:test";
import { createDecodeBudget } from "#media/pictures/decode-budget";

/** Jobs that run until a test ends them, with the state of each. */
function createJobs(limits: { bytes: number; jobs: number }) {
  const budget = createDecodeBudget(limits);
  const running: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    running,
    add(name: string, bytes: number) {
      return budget.spend(bytes, async () => {
        running.push(name);
        await new Promise<void>((end) => ends.set(name, end));
        running.splice(running.indexOf(name), 1);
      });
    },
    end: (name: string) => ends.get(name)!(),
  };
}

/** Lets all pending promises settle. */
const settle = () => new Promise((resume) => setImmediate(resume));

test("pictures are decoded in parallel as long as their bytes fit", async () => {
  const jobs = createJobs({ bytes: 100, jobs: 10 });
  const all = [jobs.add("a", 60), jobs.add("b", 40), jobs.add("c", 10)];
  await settle();
  expect(jobs.running).toEqual(["a", "b"]);
  jobs.end("b");
  await settle();
  expect(jobs.running).toEqual(["a", "c"]);
  jobs.end("a");
  jobs.end("c");
  await Promise.all(all);
});

test("no more pictures than `jobs` run at once, however small", async () => {
  const jobs = createJobs({ bytes: 100, jobs: 3 });
  const all = ["a", "b", "c", "d"].map((name) => jobs.add(name, 0));
  await settle();
  expect(jobs.running).toEqual(["a", "b", "c"]);
  jobs.end("b");
  await settle();
  expect(jobs.running).toEqual(["a", "c", "d"]);
  for (const name of ["a", "c", "d"]) jobs.end(name);
  await Promise.all(all);
});

test("a huge picture runs alone, and later small ones do not overtake it", async () => {
  const jobs = createJobs({ bytes: 100, jobs: 4 });
  const all = [jobs.add("small", 10), jobs.add("huge", 900), jobs.add("late", 10)];
  await settle();
  expect(jobs.running).toEqual(["small"]);
  jobs.end("small");
  await settle();
  expect(jobs.running).toEqual(["huge"]);
  jobs.end("huge");
  await settle();
  expect(jobs.running).toEqual(["late"]);
  jobs.end("late");
  await Promise.all(all);
});

test("a failed job releases its bytes and passes on its error", async () => {
  const budget = createDecodeBudget({ bytes: 100, jobs: 1 });
  const failed = budget.spend(100, () => Promise.reject(new Error("broken")));
  const next = budget.spend(100, async () => "ran");
  expect(await failed.catch((error: Error) => error.message)).toBe("broken");
  expect(await next).toBe("ran");
});
