import type { Fault } from "#simulators/invokeai/control";
import { listFiles } from "#tests/support/library";
import type { TestBed } from "./test-bed";
import type { Moment } from "./schedule";

/** A moment to wait for; once it is reached, the step is held there. */
export type Hold = {
  isReached: () => Promise<boolean>;
  /** Lets the step continue. */
  release: () => Promise<void>;
};

/**
 * How long to wait for the moment between rename and row while the rows are locked; a failing attempt never reaches
 * it.
 */
const placedWithinMs = 3_000;

/**
 * Prepares holds for a step that is about to be requested. Faults at the same moment share one hold and strike
 * together.
 */
export function createHolds(testBed: TestBed) {
  const shared = new Map<string, Promise<Shared>>();
  return (moment: Moment, requestedAt: () => number | undefined): Promise<Hold> => {
    const key = JSON.stringify(moment);
    const hold = shared.get(key) ?? armMoment(testBed, moment, requestedAt).then(share);
    shared.set(key, hold);
    return hold.then((each) => each.join());
  };
}

type Shared = ReturnType<typeof share>;

/** Shares one hold; the last user releases it. */
function share(hold: Hold) {
  let users = 0;
  let checking: Promise<boolean> | undefined;
  async function check(): Promise<boolean> {
    const isReached = await hold.isReached();
    if (!isReached) checking = undefined;
    return isReached;
  }
  return {
    join(): Hold {
      users += 1;
      return {
        isReached: () => (checking ??= check()),
        release: async () => {
          users -= 1;
          if (users === 0) await hold.release();
        },
      };
    },
  };
}

async function armMoment(
  { stack }: TestBed,
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

  /** Holds the image until the rows are locked: then its file is renamed into place, but its row cannot be written. */
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
        // This lock mode allows rows that refer to a photo: a cancel waits for them, and the hold waits for the
        // cancel.
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
