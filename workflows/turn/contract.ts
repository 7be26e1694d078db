import { defineSignal } from "@temporalio/workflow";

/** What a turn is for: a step, or the reproduction of a photo. */
export type TurnOwner = { stepId: string } | { photoId: string };

/** A granted turn. `ticket` identifies the request; `backend` is a name, never an address. */
export type Grant = { ticket: number; backend: string };

/** The run now holds the turn; sent again until delivered. A grant with another ticket belongs to an earlier request. */
export const turnGranted = defineSignal<[Grant]>("turnGranted");

/**
 * Another step of the same session goes first: a run that waits leaves the line, keeps its number, and ends until its session
 * starts it again. A run that holds the turn goes on.
 */
export const standDown = defineSignal("standDown");

/** The answer to a run that asks for its turn. */
export type TurnReply = {
  ticket: number;
  /** The backend of the granted turn; null: the run waits until `turnGranted`. */
  backend: string | null;
  /** In the line, from 1; null when the turn was granted, or a model is lacking. */
  position: number | null;
  reason: string;
  /** Steps that are not idle go before it. */
  isIdle: boolean;
  /** Milliseconds since 1970: when it joined the line, which identifies this stay in it. */
  askedAtMs: number;
  /** Milliseconds since 1970: no turn from then on; null: at any time. */
  closesAtMs: number | null;
  /** The turn is free, but InvokeAI has to be checked before it is granted. */
  isUnchecked: boolean;
};

/** What the reason for a wait is derived from. */
export type LineState = {
  /** What blocks the whole line; null: nothing. */
  waitReason: string | null;
  isHeld: boolean;
  apiVersion: string | null;
  /** The name of a model that the run needs and that is not there; null: none. */
  lacks: string | null;
};

/** Why a step waits, as shown to the user. */
export function reasonOf({ waitReason, isHeld, apiVersion, lacks }: LineState): string {
  if (lacks !== null) return lackingMessage(lacks);
  if (waitReason !== null) return waitReason;
  if (isHeld) return "Another step is being generated.";
  return apiVersion === null ? "InvokeAI is being checked." : `InvokeAI ${apiVersion} is ready.`;
}

const lackingMessage = (model: string) =>
  `Waiting for the model "${model}", which InvokeAI does not have where images are generated now: install it there, or change backend.mode.`;

/** What the user reads while a run waits for its turn. Without a position, those behind it do not wait for it. */
export function waitMessage({
  position,
  reason,
  isIdle,
}: {
  position: number | null;
  reason: string;
  isIdle: boolean;
}): string {
  const message = position === null ? reason : `Position ${position} in the line. ${reason}`;
  return isIdle ? `${message} It is idle: others go first, for a day at most.` : message;
}
