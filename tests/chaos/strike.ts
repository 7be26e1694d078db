import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fill } from "#tests/support/small-disk";
import type { TestBed } from "../schedules/test-bed";
import type { ApiFront } from "./api-front";
import type { ChaosFault } from "./plan";

export type World = {
  bed: TestBed;
  api: ApiFront;
  /** Of the small disk that holds the data folder. */
  disk: string;
  /** Kills a backup that runs; false when none does. */
  killBackup: () => boolean;
};

/** Makes a fault happen and waits for its end; false when there was nothing to strike. */
export async function strike(world: World, fault: ChaosFault): Promise<boolean> {
  const { bed, api } = world;
  const { control } = bed.stack.invokeai;
  switch (fault.kind) {
    case "worker killed":
      return bed.worker.kill(Math.min(fault.forMs, 2_000));
    case "api killed": {
      const running = api.current();
      await running?.kill();
      return running !== undefined;
    }
    case "backup killed":
      return world.killBackup();
    case "worker paused":
      return pause(bed.worker.current().pid, fault.forMs);
    case "api paused":
      return pause(api.current()?.pid, fault.forMs);
    case "Postgres refuses":
      await bed.postgres.begin(fault.forMs, "refused");
      await bed.postgres.over();
      return true;
    case "Postgres silent":
      await bed.postgres.begin(fault.forMs, "silent");
      await bed.postgres.over();
      return true;
    case "Temporal killed":
    case "Temporal lost":
      await bed.temporal.begin(fault.forMs, { isLost: fault.kind === "Temporal lost" });
      await bed.temporal.over();
      return true;
    case "disk full": {
      const filler = join(world.disk, "filler");
      await fill(filler);
      await Bun.sleep(fault.forMs);
      await rm(filler, { force: true });
      return true;
    }
    case "InvokeAI restarted":
      await control.restart();
      return true;
    case "answer lost":
      await control.addFault({ kind: "answer_lost", route: fault.route, times: 1 });
      return true;
    case "download cut":
      await control.addFault({ kind: "truncated_body", route: "imageFull", times: 2 });
      return true;
  }
}

/** SIGSTOP, later SIGCONT. */
async function pause(pid: number | undefined, ms: number): Promise<boolean> {
  if (pid === undefined || !send(pid, "SIGSTOP")) return false;
  await Bun.sleep(ms);
  // Another fault may have killed it meanwhile.
  send(pid, "SIGCONT");
  return true;
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
