import type { Piece } from "../rewrite/pieces";
import type { StoredPiece } from "./order";

/** The pieces of a copy; null when the file violates its format. */
export type CopyPlan = Readonly<{
  /** Identifies the content, the change and the code version that the plan is for. */
  of: string;
  pieces: readonly Piece[] | null;
}>;

export function piecesToStored(pieces: readonly Piece[]): StoredPiece[] {
  return pieces.map((piece) =>
    "to" in piece ? [piece.from, piece.to] : Buffer.from(piece).toString("base64"),
  );
}

export function storedToPieces(stored: readonly StoredPiece[]): Piece[] {
  return stored.map((piece) =>
    typeof piece === "string"
      ? new Uint8Array(Buffer.from(piece, "base64"))
      : { from: piece[0], to: piece[1] },
  );
}

export function planToText(of: string, pieces: readonly StoredPiece[] | null): string {
  return JSON.stringify({ of, pieces });
}

/** undefined when the text is not a plan for `of`; the plan is then made again. */
export function parsePlan(text: string, of: string): CopyPlan | undefined {
  try {
    const plan = JSON.parse(text) as { of: unknown; pieces: StoredPiece[] | null };
    if (plan.of !== of) return undefined;
    return { of, pieces: plan.pieces && storedToPieces(plan.pieces) };
  } catch {
    return undefined;
  }
}

/** Approximate bytes that a plan takes in memory. */
export function weightOf({ pieces }: CopyPlan): number {
  let bytes = 200;
  for (const piece of pieces ?? []) bytes += "to" in piece ? 64 : 128 + piece.byteLength;
  return bytes;
}
