import { expect, test } from "bun:test";
import { createPixelBudget } from "#media/pixel-budget";

/** Jobs that run until they are told to end, and what each has come to. */
function createJobs(limits: { pixels: number; jobs: number }) {
  const budget = createPixelBudget(limits);
  const running: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    running,
    add(name: string, pixels: number) {
      return budget.spend(pixels, async () => {
        running.push(name);
        await new Promise<void>((end) => ends.set(name, end));
        running.splice(running.indexOf(name), 1);
      });
    },
    end: (name: string) => ends.get(name)!(),
  };
}

/** Lets everything that can go on go on. */
const settle = () => new Promise((resume) => setImmediate(resume));

test("pictures run side by side as long as their pixels fit", async () => {
  const jobs = createJobs({ pixels: 100, jobs: 10 });
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

test("no more pictures than jobs run, however small", async () => {
  const jobs = createJobs({ pixels: 100, jobs: 3 });
  const all = ["a", "b", "c", "d"].map((name) => jobs.add(name, 0));
  await settle();
  expect(jobs.running).toEqual(["a", "b", "c"]);
  jobs.end("b");
  await settle();
  expect(jobs.running).toEqual(["a", "c", "d"]);
  for (const name of ["a", "c", "d"]) jobs.end(name);
  await Promise.all(all);
});

test("a huge picture runs alone, and is not passed over by small ones that came later", async () => {
  const jobs = createJobs({ pixels: 100, jobs: 4 });
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

test("a failed job gives its pixels back and passes its error on", async () => {
  const budget = createPixelBudget({ pixels: 100, jobs: 1 });
  const failed = budget.spend(100, () => Promise.reject(new Error("broken")));
  const next = budget.spend(100, async () => "ran");
  expect(await failed.catch((error: Error) => error.message)).toBe("broken");
  expect(await next).toBe("ran");
});
