import { Refusal } from "#stack/refusal";
import { parseUpOptions } from "#stack/up-options";

const root = import.meta.dir;

/** What each verb does and takes. */
const usages: Record<string, string> = {
  up: `  up [--demo|--remote-demo] [--once] [--port N] [--data DIR] [--watch]
             start everything and stay in the foreground
               --demo         then show the features through the public API
               --remote-demo  then show how a GPU is rented, used and paid: with a simulated RunPod, in a gallery of
                              its own (data/remote-demo), without any key or setting of yours
               --once         with a demo: stop everything after the tour
               --port         port of the API (8000)
               --data         folder for photos and databases (data/)
               --watch        restart API and worker when a source file changes`,
  doctor: `  doctor [--json] [--data DIR] [--api URL]
             say in one page what is well, what is not, and what to do; changes nothing but a
             trial object in a bucket; exits with 1 at a fault
               --json  as JSON
               --data  data folder of the gallery (data/)
               --api   address of the running gallery`,
  test: `  test [paths…] [--all-versions] [--nightly] [--retry-failed] [--coverage] [--record-seconds]
             run the tests; starts all services it needs
               --all-versions  with the simulator as each supported InvokeAI version
               --nightly       also all versions, and limits and time-outs at their shipped values
               --retry-failed  run up to three failed files once more, alone; those that pass are listed as unstable
               --record-seconds  record how long each file takes, so that the longest start first
  test --invokeai URL [--alone]
             run the conformance tests against a real InvokeAI and clean up after them
               --alone  also tests that would disturb other users of that InvokeAI
  test --runpod-spec FILE
             check the RunPod simulator against RunPod's OpenAPI document
  test --s3 https://KEY:SECRET@host/bucket
             run the tests of the storage on that S3 store
  test --power-loss
             run the tests of a power cut: what was acknowledged is on the disk; needs Linux and strace
  test --runpod-clients
             install RunPod's own MCP server and dstack, and drive them against the RunPod simulator
  test --schedules N [--mixed|--pods] [--seed N] [--lanes N] [--planted NAME]
             run N sessions under random faults, starting at the given seed (1)
               --planted  with a worker that has the named defect, which the run must find
  test --chaos MINUTES [--seed N] [--planted NAME]
             break a gallery under load at random: kills, pauses, full disks, cut lines; then compare it with a ledger
               --planted  with a worker that has the named defect, which the run must find
  test --compose [--kill-engine COMMAND]
             build the image, start docker-compose.yml with it, and break it in many ways; needs a container engine
               --kill-engine  a command that kills the engine with all containers, and starts it again
  test --machines [--short]
             run the gallery on eleven machines, kill, cut off and slow each of them, and judge what is lost; needs root`,
  compose: `  compose init
             write a .env with new secrets for docker-compose.yml`,
  check: `  check      check types, lint, format, dead code, and that migrations and documents are current`,
  bench: `  bench [names…] [--short] [--invokeai URL]
             run benchmarks and print a table; library and generation only if named
               --short     few rounds, to check that it works
               --invokeai  a real InvokeAI that nobody else uses, for generation/real`,
  pods: `  pods offers|list|doctor|stop-all|setup
             rented GPUs: see ./gallery pods help`,
  backup: `  backup DIR|s3://BUCKET/PREFIX [--keep N] [--data DIR]
             copy database and originals to a folder or a bucket of backups, while the gallery runs or not; it defaults
             to BACKUP_TO
               --keep     delete older backups beyond N`,
  restore: `  restore DIR|s3://BUCKET/PREFIX [--backup NAME] [--check | --accept-losses] [--data DIR]
             restore the newest backup into an empty data folder and an empty database
               --backup         another one
               --check          only read the backup and compare every hash
               --accept-losses  restore although originals are lost in the backup`,
  verify: `  verify [--repair] [--from DIR|s3://BUCKET/PREFIX] [--data DIR]
             read every original and compare it with its hash
               --repair   put back lost and damaged ones from the backups
               --from     where the backups are (BACKUP_TO)`,
  storage: `  storage status | move --to disk|s3 | cancel | forget-old [--keep-files]  [--data DIR]
             where the photos are; move them to the other storage while the gallery runs, keeping the old copy
               cancel      end a move that still copies
               forget-old  delete the old copy, after every original was compared at the new place once more
               --keep-files  only use the old copy no more, for example because its disk is broken`,
  migrate: `  migrate    apply missing migrations to DATABASE_URL`,
  help: `  help       print this text`,
};

const usage = `usage: ./gallery <verb>; ./gallery <verb> --help prints its part of this

${Object.values(usages).join("\n")}`;

const verbs: Record<string, (args: string[]) => Promise<number>> = {
  up: async (args) => {
    const options = parseUpOptions(args, process.env, { root, calledFrom: calledFrom() });
    const { up } = await import("#stack/up");
    const env = options.remoteDemo
      ? await (await import("#stack/demo/own-gallery")).prepareOwnGallery(options, process.env)
      : process.env;
    return up(root, options, env, async (stack) => {
      if (!options.demo && !options.remoteDemo) return undefined;
      const isDone = options.demo
        ? await (await import("#stack/demo/tour")).showTour(stack)
        : await (await import("#stack/demo/remote-tour")).showRemoteTour(stack);
      return options.once ? (isDone ? 0 : 1) : undefined;
    });
  },
  test: async (args) => {
    if (args.includes("--invokeai")) {
      return (await import("#dev/conformance")).runConformance(root, args, process.env);
    }
    if (args.includes("--runpod-spec")) {
      return (await import("#dev/runpod/spec")).runSpecification(args);
    }
    if (args.includes("--s3")) {
      return (await import("#dev/foreign-s3")).runOnForeignS3(root, args, process.env);
    }
    if (args.includes("--power-loss")) {
      return (await import("#dev/power-loss")).runPowerLoss(root, process.env);
    }
    if (args.includes("--runpod-clients")) {
      return (await import("#dev/runpod/clients")).runClients(root, process.env);
    }
    if (args.includes("--compose")) {
      return (await import("#dev/compose/run")).runComposeTests(root, args, process.env);
    }
    if (args.includes("--machines")) {
      return (await import("#dev/machines/run")).runMachines(root, args, process.env);
    }
    if (args.includes("--chaos")) {
      return (await import("#dev/schedules")).runChaos(root, args, process.env);
    }
    if (args.includes("--schedules")) {
      return (await import("#dev/schedules")).runSchedules(root, args, process.env);
    }
    return (await import("#dev/test")).runTests(root, args, process.env, calledFrom());
  },
  check: async () => (await import("#dev/check")).check(root, process.env),
  bench: async (args) => (await import("#bench/run")).runBenchmarks(root, args, process.env),
  doctor: async (args) => {
    const places = { root, calledFrom: calledFrom() };
    return (await import("#stack/doctor/main")).runDoctor(args, process.env, places);
  },
  pods: async (args) => {
    const places = { root, calledFrom: calledFrom() };
    return (await import("#stack/pods/main")).runPods(args, process.env, places);
  },
  backup: (args) => runLibrary("backup", args),
  restore: (args) => runLibrary("restore", args),
  verify: (args) => runLibrary("verify", args),
  storage: (args) => runLibrary("storage", args),
  migrate: async () => (await import("#stack/migrate")).migrate(root, process.env),
  help: async () => {
    console.log(usage);
    return 0;
  },
};

async function runLibrary(
  verb: "backup" | "restore" | "storage" | "verify",
  args: string[],
): Promise<number> {
  const { runLibraryCommand } = await import("#stack/library/run");
  return runLibraryCommand(verb, args, process.env, { root, calledFrom: calledFrom() });
}

/** The folder from which the user ran the command; the script changes to the project's folder. */
function calledFrom(): string {
  return process.env["GALLERY_CALLED_FROM"] ?? process.cwd();
}

/** `pods` has commands of its own, and its own help. */
const asksForHelp = (verb: string, args: string[]): boolean =>
  verb !== "pods" && verb in usages && args.some((arg) => arg === "--help" || arg === "-h");

async function main([verb = "help", ...args]: string[]): Promise<number> {
  const run = verbs[verb === "--help" || verb === "-h" ? "help" : verb];
  if (run === undefined) {
    console.error(`gallery: unknown verb "${verb}"\n\n${usage}`);
    return 2;
  }
  if (asksForHelp(verb, args)) {
    console.log(`usage of ./gallery ${verb}:\n\n${usages[verb]}`);
    return 0;
  }
  try {
    return await run(args);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    console.error(`\ngallery: ${error.message}`);
    return 1;
  }
}

// Temporal's native threads and open pools would keep the process alive.
process.exit(await main(process.argv.slice(2)));
