import { setTimeout } from "node:timers/promises";
import type { HeldStep } from "./control.ts";
import type { QueueEvents } from "./events.ts";
import { sortNodes, type GraphNode } from "./graph.ts";
import { fieldsOf, findNodeDefinition } from "./nodes/index.ts";
import type { RunContext } from "./nodes/definition.ts";
import { NodeError, Stopped } from "./nodes/endings.ts";
import { paintPreview, type Painting } from "./paint.ts";
import type { ItemError, ItemRow } from "./queue.ts";
import { saveNodeImage } from "./save-image.ts";
import { fillInputs, type Iterations, prepareNode, recordResult, type Session } from "./session.ts";
import type { World } from "./world.ts";

export type NodeFailure = { error: ItemError; node: GraphNode; sourceId: string };

// A preview takes some milliseconds: it is painted only if somebody listens, and not at each step of a run without delay.
const previewEveryMs = 150;

/** One run of one item; `session` is filled as nodes finish. */
export function createItemRun(
  world: World,
  events: QueueEvents,
  row: ItemRow,
  tensors: Map<string, unknown>,
  signals: { alive: AbortSignal; canceled: AbortSignal },
) {
  const session = JSON.parse(row.session) as Session;
  const stopped = AbortSignal.any([signals.alive, signals.canceled]);
  let lastPreviewAt = 0;

  /** Called between nodes and steps, where the real server also checks for a cancel. */
  function checkStopped(): void {
    if (stopped.aborted) throw new Stopped();
  }

  function checkAlive(): void {
    if (signals.alive.aborted) throw new Stopped();
  }

  async function freezeIfRequested(step: HeldStep): Promise<void> {
    const fault = world.faults.strike(
      "step_held",
      ({ item = row.batch_index, step: at = 0 }) => item === row.batch_index && at === step,
    );
    if (fault === undefined) return;
    await world.heldSteps.wait(
      { itemId: row.item_id, batchId: row.batch_id, step },
      typeof step === "number" || step === "saved" ? stopped : signals.alive,
    );
  }

  async function preview(painting: Painting, progress: number): Promise<unknown> {
    if (!events.hasListeners() || Date.now() - lastPreviewAt < previewEveryMs) return null;
    lastPreviewAt = Date.now();
    const jpeg = await paintPreview(painting, progress);
    const dataURL = `data:image/jpeg;base64,${jpeg.toString("base64")}`;
    return { width: painting.width, height: painting.height, dataURL };
  }

  function contextFor(node: GraphNode, sourceId: string): RunContext {
    async function reportProgress(percentage: number, painting: Painting): Promise<void> {
      const image = await preview(painting, percentage);
      events.nodeProgress(row, node, sourceId, { message: "Denoising", percentage, image });
    }
    return {
      models: world.models,
      images: world.images,
      tensors,

      async runStep(step, steps, painting) {
        await freezeIfRequested(step);
        checkStopped();
        // The start is reported too: n steps make n + 1 events.
        if (step === 0) await reportProgress(0, painting);
        await pause(world.settings.stepDelayMs, stopped);
        checkStopped();
        await reportProgress((step + 1) / steps, painting);
      },

      async saveImage(png, inputs) {
        const message = "Saving image";
        events.nodeProgress(row, node, sourceId, { message, percentage: null, image: null });
        const reached = async (step: HeldStep) => {
          if (node.is_intermediate !== true) await freezeIfRequested(step);
          checkAlive();
        };
        await reached("decoding");
        const output = await saveNodeImage(world, { row, session, node }, png, inputs, reached);
        if (node.is_intermediate !== true) await freezeIfRequested("saved");
        return output;
      },
    };
  }

  async function runNode(node: GraphNode, sourceId: string): Promise<Record<string, unknown>> {
    const definition = findNodeDefinition(node.type);
    if (definition === undefined) throw new NodeError("ValueError", `No node ${node.type}`);
    const inputs = fillInputs(session, node);
    for (const [name, field] of Object.entries(fieldsOf(definition))) {
      const value = inputs[name];
      if (value === undefined) throw missingInput(sourceId, name, field.input);
      const fault = field.default === null && value === null ? undefined : field.check?.(value);
      if (fault !== undefined) {
        throw new NodeError(
          "NodeInputError",
          `Node ${sourceId} has invalid incoming input for ${name}: ${fault.msg}`,
        );
      }
    }
    const cached = node.use_cache === true ? world.nodeCache.find(inputs) : undefined;
    if (cached !== undefined) return cached;
    const output = await definition.run(inputs, contextFor(node, sourceId));
    const result = { type: definition.outputType, ...output };
    if (node.use_cache === true) world.nodeCache.keep(inputs, result);
    return result;
  }

  return {
    session,

    /**
     * Runs the nodes in order. Returns the failure that ended the run; throws `Stopped` when the run was interrupted.
     */
    async execute(): Promise<NodeFailure | undefined> {
      const iterations: Iterations = new Map();
      for (const { sourceId, node } of prepareInTurn(session, iterations)) {
        checkStopped();
        events.nodeStarted(row, node, sourceId);
        try {
          failIfRequested(world, row);
          const result = await runNode(node, sourceId);
          checkAlive();
          recordResult(session, node, result);
          events.nodeCompleted(row, node, sourceId, result);
        } catch (error) {
          if (error instanceof Stopped) throw error;
          const failure = describeError(error);
          session.errors[node.id] = `${failure.type}: ${failure.message}`;
          return { error: failure, node, sourceId };
        }
      }
      return undefined;
    },
  };
}

/** Each copy when it is its turn: how many a node has, earlier results decide. */
function* prepareInTurn(session: Session, iterations: Iterations) {
  for (const sourceId of sortNodes(session.graph) ?? []) {
    for (const node of prepareNode(session, sourceId, iterations)) yield { sourceId, node };
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await setTimeout(ms, undefined, { signal }).catch(() => undefined);
}

function failIfRequested(world: World, row: ItemRow): void {
  const fault = world.faults.strike(
    "item_failure",
    ({ item = row.batch_index }) => item === row.batch_index,
  );
  if (fault !== undefined) throw new NodeError(fault.errorType, fault.errorMessage);
}

function missingInput(nodeId: string, field: string, input: "connection" | "either"): NodeError {
  return input === "connection"
    ? new NodeError(
        "RequiredConnectionException",
        `Node ${nodeId} missing connections for field ${field}`,
      )
    : new NodeError(
        "MissingInputException",
        `Node ${nodeId} missing value or connection for field ${field}`,
      );
}

function describeError(error: unknown): ItemError {
  const type = error instanceof NodeError ? error.errorType : "RuntimeError";
  const message = error instanceof Error ? error.message : String(error);
  return {
    type,
    message,
    traceback: `Traceback (most recent call last):\n  File "/opt/invokeai/app/services/session_processor.py", line 130, in run_node\n${type}: ${message}\n`,
  };
}
