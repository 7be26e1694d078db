import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { outputNode, secondPassNode } from "./graphs/graph";
import { sequenceOf } from "./versions";

export type ProgressPhase = "preparing" | "loading_model" | "denoising" | "decoding";

/** The progress of one item: 0–1 over all its nodes. */
export type ItemProgress = {
  itemId: number;
  fraction: number;
  phase: ProgressPhase;
  /** The latest preview image as a data URL, if any. */
  preview: string | null;
};

export type InvocationEvent = "invocation_started" | "invocation_progress" | "invocation_complete";

type Span = { from: number; to: number; phase: ProgressPhase };

/** By node: which part of an item's progress it is. Nodes that are left out take no time. */
export type ProgressSpans = ReadonlyMap<string, Span>;

/** Denoising takes most of the time; the other nodes are short. */
const preparing: Span = { from: 0, to: 0, phase: "preparing" };
const ownSpans: ProgressSpans = new Map([
  ["denoise", { from: 0.05, to: 0.95, phase: "denoising" }],
  [outputNode, { from: 0.95, to: 1, phase: "decoding" }],
]);

/** Of a graph with two passes, of which the second one takes longer. */
export const hiresSpans: ProgressSpans = new Map([
  ["denoise", { from: 0.05, to: 0.3, phase: "denoising" }],
  [secondPassNode, { from: 0.3, to: 0.95, phase: "denoising" }],
  [outputNode, { from: 0.95, to: 1, phase: "decoding" }],
]);

/** InvokeAI's previews are about 10 KiB. Larger ones are dropped, as each change sends the preview again. */
const maxPreviewChars = 32 * 1024;

const StatusChanged = Type.Object({
  batch_id: Type.String(),
  item_id: Type.Integer(),
  status: Type.String(),
  status_sequence: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
});

const Invocation = Type.Object({
  batch_id: Type.String(),
  item_id: Type.Integer(),
  invocation_source_id: Type.String(),
  message: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  percentage: Type.Optional(Type.Union([Type.Number({ minimum: 0, maximum: 1 }), Type.Null()])),
  image: Type.Optional(Type.Union([Type.Object({ dataURL: Type.String() }), Type.Null()])),
});

/**
 * Derives the progress of a batch from socket events. A server without accounts may send each twice, the second one without
 * the preview, and they may arrive out of order.
 */
export function createProgressReader(batchId: string, spans: ProgressSpans = ownSpans) {
  const items = new Map<number, ItemProgress>();
  const states = new Map<number, { sequence: number; status: string }>();

  return {
    /** Whether a `queue_item_status_changed` event has a new status of an item of this batch. */
    takeStatus(payload: unknown): boolean {
      if (!Value.Check(StatusChanged, payload) || payload.batch_id !== batchId) return false;
      const known = states.get(payload.item_id);

      const sequence = sequenceOf(payload);
      if (known && (sequence < known.sequence || payload.status === known.status)) return false;
      states.set(payload.item_id, { sequence, status: payload.status });
      return true;
    },

    /** The new progress of an item of this batch; undefined when the event changes nothing. */
    takeInvocation(event: InvocationEvent, payload: unknown): ItemProgress | undefined {
      if (!Value.Check(Invocation, payload) || payload.batch_id !== batchId) return undefined;
      const itemId = payload.item_id;
      const known = items.get(itemId);
      const span = spans.get(payload.invocation_source_id) ?? preparing;
      const share = event === "invocation_complete" ? 1 : (payload.percentage ?? 0);
      const reached = span.from + share * (span.to - span.from);
      if (known && reached < known.fraction) return undefined;
      const progress: ItemProgress = {
        itemId,
        fraction: reached,
        phase: /^loading model/i.test(payload.message ?? "") ? "loading_model" : span.phase,
        preview: readPreview(payload.image?.dataURL) ?? known?.preview ?? null,
      };
      items.set(itemId, progress);
      return known && isSame(known, progress) ? undefined : progress;
    },
  };
}

function readPreview(dataUrl: string | undefined): string | undefined {
  const isPicture = /^data:image\/(jpeg|png|webp);base64,[A-Za-z0-9+/=]+$/.test(dataUrl ?? "");
  return isPicture && dataUrl!.length <= maxPreviewChars ? dataUrl : undefined;
}

function isSame(a: ItemProgress, b: ItemProgress): boolean {
  return a.fraction === b.fraction && a.phase === b.phase && a.preview === b.preview;
}
