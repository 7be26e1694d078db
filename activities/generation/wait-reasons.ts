import { localPlace } from "#db/schema/backends";

/** While InvokeAI's queue is paused. */
export const pausedReason = "InvokeAI is paused; resume its queue there.";

/** While another program answers at its address. */
export function otherProgramReason(place: string): string {
  return place === localPlace
    ? "Another program answers at InvokeAI's address; check INVOKEAI_LOCAL_URL."
    : "The rented GPU answers, but InvokeAI does not yet.";
}

/** While items of other clients run first. */
export function itemsAheadReason(items: number): string {
  return items === 1
    ? "1 item of another client is ahead of it."
    : `${items} items of other clients are ahead of it.`;
}
