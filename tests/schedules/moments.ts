import type { Fault } from "#dev/simulators/invokeai/control";
import { listFiles } from "#tests/support/library";
import type { Ground } from "./ground";
import type { Moment } from "./schedule";

/** A moment that is waited for, and kept still once it is there. */
export type Hold = {
  isReached: () => Promise<boolean>;
  /** Lets everything go on. */
  release: () => Promise<void>;
};

/** How long the moment between rename and row is waited for with the rows locked; a try that fails never gets there. */
const placedWithinMs = 3_000;

/** Prepares for moments of a step that is about to be requested; faults of the same moment share it, and strike together. */
export function createHolds(ground: Ground) {
  const shared = new Map<string, Promise<Shared>>();
  return (moment: Moment, requestedAt: () => number | undefined): Promise<Hold> => {
    const key = JSON.stringify(moment);
    const hold = shared.get(key) ?? armMoment(ground, moment, requestedAt).then(share);
    shared.set(key, hold);
    return hold.then((each) => each.join());
  };
}

type Shared = ReturnType<typeof share>;

/** One hold for several, released by the last of them. */
function share(hold: Hold) {
  let users = 0;
  let looking: Promise<boolean> | undefined;
  async function look(): Promise<boolean> {
    const isReached = await hold.isReached();
    if (!isReached) looking = undefined;
    return isReached;
  }
  return {
    join(): Hold {
      users += 1;
      return {
        isReached: () => (looking ??= look()),
        release: async () => {
          users -= 1;
          if (users === 0) await hold.release();
        },
      };
    },
  };
}

async function armMoment(
  { stack }: Ground,
  moment: Moment,
  requestedAt: () => number | undefined,
): Promise<Hold> {
  const { control } = stack.invokeai;
  const release = async () => void (await control.release());
  const holdBy = async (fault: Fault): Promise<Hold> => {
    const id = await control.addFault(fault);
    return { isReached: async () => (await control.struck(id)) > 0, release };
  };
  switch (moment.at) {
    case "requested":
      return {
        isReached: async () => {
          const since = requestedAt();
          return since !== undefined && performance.now() >= since + moment.afterMs;
        },
        release: async () => {},
      };
    case "source":
      return holdBy({ kind: "answer_held", route: "uploadImage", times: 1 });
    case "posting":
      return holdBy({ kind: "request_held", route: "enqueueBatch", times: 1 });
    case "taken":
      return holdBy({ kind: "answer_held", route: "enqueueBatch", times: 1 });
    case "drawing":
      return holdBy({ kind: "step_held", item: moment.item, step: moment.step });
    case "saved":
      return holdBy({ kind: "step_held", item: moment.item, step: "saved" });
    case "fetching":
      return holdBy({ kind: "stalled_body", route: "imageFull", times: 1 });
    case "placed":
      return holdPlaced(await holdBy({ kind: "request_held", route: "imageFull", times: 1 }));
  }

  /** The image is kept back until the rows are locked: then its file gets its place, and its row waits. */
  function holdPlaced(request: Hold): Hold {
    let unlock = async () => {};
    return {
      async isReached() {
        if (!(await request.isReached())) return false;
        const lock = await stack.database.sql.reserve();
        unlock = async () => {
          await lock`rollback`;
          lock.release();
        };
        await lock`begin`;
        // Rows that refer to a photo may be written: a cancel waits for them, and this for the cancel.
        await lock`select id from photos for no key update`;
        const before = await countPlaced();
        await request.release();
        const deadline = performance.now() + placedWithinMs;
        while ((await countPlaced()) === before && performance.now() < deadline) {
          await Bun.sleep(10);
        }
        return true;
      },
      async release() {
        await unlock();
        await request.release();
      },
    };
  }

  async function countPlaced(): Promise<number> {
    return (await listFiles(stack.dataDir, "generated")).length;
  }
}
