import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { outputNode } from "./graphs/graph";
import { sequenceOf } from "./versions";

export type ProgressPhase = "preparing" | "loading_model" | "denoising" | "decoding";

/** How far one item is: 0–1 over all its nodes. */
export type ItemProgress = {
  itemId: number;
  fraction: number;
  phase: ProgressPhase;
  /** The newest small picture as data URL, once there was one. */
  preview: string | null;
};

export type InvocationEvent = "invocation_started" | "invocation_progress" | "invocation_complete";

type Span = { from: number; to: number; phase: ProgressPhase };

/** Denoising carries the time: other nodes are a moment before and after it. */
const preparing: Span = { from: 0, to: 0, phase: "preparing" };
const spans: ReadonlyMap<string, Span> = new Map([
  ["denoise", { from: 0.05, to: 0.95, phase: "denoising" }],
  [outputNode, { from: 0.95, to: 1, phase: "decoding" }],
]);

/** InvokeAI's are some 10 KiB; a larger one is left out, as it is sent again with each change. */
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
 * Makes one account of a batch out of socket events, which a server without users sends twice, the
 * second time without the picture, and which may come out of order.
 */
export function createProgressReader(batchId: string) {
  const items = new Map<number, ItemProgress>();
  const states = new Map<number, { sequence: number; status: string }>();

  return {
    /** Whether `queue_item_status_changed` tells of a state of this batch that was not known. */
    takeStatus(payload: unknown): boolean {
      if (!Value.Check(StatusChanged, payload) || payload.batch_id !== batchId) return false;
      const known = states.get(payload.item_id);

      const sequence = sequenceOf(payload);
      if (known && (sequence < known.sequence || payload.status === known.status)) return false;
      states.set(payload.item_id, { sequence, status: payload.status });
      return true;
    },

    /** Where an item of this batch now is; undefined when the event moves nothing. */
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
