import { dirname } from "node:path";
import { Refusal } from "./refusal";
import { parseUpOptions } from "./up-options";

const root = dirname(import.meta.dir);

const usage = `usage: ./gallery <verb>

  up [--demo] [--once] [--port N] [--data DIR] [--watch]
             start everything and stay in the foreground
               --demo   then show what it does, through its public API
               --once   with --demo: leave when the tour is done
               --port   of the API (8000)
               --data   where photos and databases lie (data/)
               --watch  restart API and worker when a source changes
  test [paths…] [--coverage]
             run the tests; nothing needs to run beforehand
  test --invokeai URL [--alone]
             ask a real InvokeAI what the simulator is asked; it is left as it was found
               --alone  nobody else uses it: also what would disturb others
  test --schedules N [--seed N] [--lanes N] [--planted NAME]
             run N sessions under random faults, from that seed (1) on;
               --planted  in a worker with that defect, which has to be found
  check      types, lint, format, dead code, migrations and documents in step
  bench [names…] [--short] [--invokeai URL]
             measure, and print a table; library and generation only when they are named
               --short     a few rounds, to see whether it works
               --invokeai  a real one that nobody else uses, for generation/real
  migrate    bring the schema of DATABASE_URL up to date
  help       this text`;

const verbs: Record<string, (args: string[]) => Promise<number>> = {
  up: async (args) => {
    const options = parseUpOptions(args, process.env, { root, calledFrom: calledFrom() });
    const { up } = await import("./up");
    return up(root, options, process.env, async (stack) => {
      if (!options.demo) return undefined;
      const isDone = await (await import("./demo/tour")).showTour(stack);
      return options.once ? (isDone ? 0 : 1) : undefined;
    });
  },
  test: async (args) => {
    if (args.includes("--invokeai")) {
      return (await import("./conformance")).runConformance(root, args, process.env);
    }
    if (args.includes("--schedules")) {
      return (await import("./schedules")).runSchedules(root, args, process.env);
    }
    return (await import("./test")).runTests(root, args, process.env, calledFrom());
  },
  check: async () => (await import("./check")).check(root, process.env),
  bench: async (args) => (await import("#bench/run")).runBenchmarks(root, args, process.env),
  migrate: async () => (await import("./migrate")).migrate(root, process.env),
  help: async () => {
    console.log(usage);
    return 0;
  },
};

/** The folder in which the caller typed the command; the script itself works in the project's. */
function calledFrom(): string {
  return process.env["GALLERY_CALLED_FROM"] ?? process.cwd();
}

async function main([verb = "help", ...args]: string[]): Promise<number> {
  const run = verbs[verb === "--help" || verb === "-h" ? "help" : verb];
  if (run === undefined) {
    console.error(`gallery: there is no verb "${verb}"\n\n${usage}`);
    return 2;
  }
  try {
    return await run(args);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    console.error(`\ngallery: ${error.message}`);
    return 1;
  }
}

// Temporal's native threads and pools keep a process alive; nothing is left to do here.
process.exit(await main(process.argv.slice(2)));
