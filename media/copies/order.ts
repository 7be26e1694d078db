import type { ImageMimeType } from "../pictures/formats";

/** How a copy differs from its original. The orientation is read from the file. */
export type CopyChange = Readonly<{ kind: "strip" } | { kind: "stamp"; xmp: string }>;

/** A range of the original, or inserted bytes in base64: the form in which pieces are stored and sent. */
export type StoredPiece = readonly [from: number, to: number] | string;

/** A request to the copy process about a file on this machine. */
export type CopyOrder =
  | Readonly<{ kind: "plan"; path: string; mimeType: ImageMimeType; change: CopyChange }>
  /** Requests the type of the re-encoded copy. */
  | Readonly<{ kind: "type"; path: string; mimeType: ImageMimeType }>
  | Readonly<{
      kind: "reencode";
      path: string;
      mimeType: ImageMimeType;
      target: string;
      timeoutSeconds: number;
    }>;

/** Why no copy of an original can be made. */
export type CopyFailure = "undecodable" | "too_costly";

/**
 * The answer. `pieces: null`: the file violates its format. `undecodable`: the picture is damaged. `too_costly`: it
 * takes too much time or memory. `storage`: the disk failed, the picture may be fine.
 */
export type CopyResult =
  | Readonly<{ pieces: readonly StoredPiece[] | null }>
  | Readonly<{ copyType: ImageMimeType }>
  | Readonly<{ fault: CopyFailure | "storage" | null }>;
