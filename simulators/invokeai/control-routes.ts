import { detail, json, type Answer } from "./answers.ts";
import { controlPaths, type Fault, type SimulatorState } from "./control.ts";
import { paint } from "./paint.ts";
import type { EventSink } from "./socket.ts";
import type { RouteRequest } from "./router.ts";
import type { Runner } from "./runner.ts";
import { readJson } from "./read-json.ts";
import type { World } from "./world.ts";

/** The parts that the control routes change, besides the shared world. */
export type Controlled = {
  world: World;
  runner: Runner;
  sink: EventSink;
  closeIdleConnections: () => void;
  restart: () => Promise<void>;
  wipe: () => Promise<void>;
};

/** Serves the requests under `/__control/`. */
export async function answerControl(target: Controlled, request: RouteRequest): Promise<Answer> {
  const { world, runner, sink } = target;
  const done = json({});
  switch (`${request.method} ${request.url.pathname}`) {
    case `GET ${controlPaths.state}`:
      return json(describeState(target));
    case `POST ${controlPaths.faults}`: {
      const id = world.faults.add(readJson(request) as Fault);
      target.closeIdleConnections();
      runner.wake();
      return json({ id });
    }
    case `DELETE ${controlPaths.faults}`:
      world.faults.clear();
      releaseAll(world);
      runner.wake();
      return done;
    case `POST ${controlPaths.release}`:
      releaseAll(world);
      return done;
    case `POST ${controlPaths.restart}`:
      await target.restart();
      return done;
    case `POST ${controlPaths.wipe}`:
      await target.wipe();
      return done;
    case `POST ${controlPaths.stepDelay}`:
      world.settings.stepDelayMs = (readJson(request) as { stepDelayMs: number }).stepDelayMs;
      return done;
    case `POST ${controlPaths.dropSockets}`:
      sink.disconnectAll();
      return done;
    case `POST ${controlPaths.vanishBatch}`:
      runner.removeBatch((readJson(request) as { batchId: string }).batchId);
      return done;
    case `POST ${controlPaths.addPictures}`: {
      const { count } = readJson(request) as { count: number };
      const size = { width: 64, height: 64 };
      world.images.addMany(count, await paint({ prompt: "a mill", seed: 0, ...size }), size);
      return done;
    }
    case `POST ${controlPaths.addModel}`: {
      const config = world.models.install(readJson(request) as { name: string; base: string });
      const { key } = config;
      sink.broadcast("model_install_complete", {
        id: 0,
        source: null,
        key,
        total_bytes: 0,
        config,
      });
      return json({ key });
    }
    case `POST ${controlPaths.removeModel}`:
      world.models.remove((readJson(request) as { key: string }).key);
      return done;
    case `POST ${controlPaths.loseModelFiles}`:
      world.models.loseFiles((readJson(request) as { key: string }).key);
      return done;
    case `POST ${controlPaths.rekeyModel}`: {
      const key = world.models.rekey((readJson(request) as { key: string }).key);
      return key === undefined ? detail(404, "No such model") : json({ key });
    }
    case `POST ${controlPaths.password}`:
      world.accounts.changePassword((readJson(request) as { password?: string }).password);
      return done;
    default:
      return detail(404, "No such control route");
  }
}

function releaseAll(world: World): void {
  world.heldRequests.release();
  world.heldSteps.release();
  world.heldInstalls.release();
}

function describeState({ world, sink }: Controlled): SimulatorState {
  const { pending, in_progress, completed, failed, canceled } = world.queue.counts();
  return {
    ...world.journal,
    stepDelayMs: world.settings.stepDelayMs,
    sockets: sink.clientCount(),
    subscribers: sink.subscriberCount(),
    faults: world.faults.list(),
    held: world.heldRequests.list(),
    frozen: world.heldSteps.list()[0] ?? null,
    heldInstalls: world.heldInstalls.list(),
    queue: { pending, inProgress: in_progress, completed, failed, canceled },
  };
}
