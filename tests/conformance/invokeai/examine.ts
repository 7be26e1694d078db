import { afterAll, describe, test } from "bun:test";
import { findPlaces, noteUnshown, type Place } from "./places.ts";
import { openTarget, type Target } from "./target.ts";

type Body = () => void | Promise<void>;

/** Registers a test where the place shows all that it needs; elsewhere the summary names it. */
export type Promised = (title: string, needs: readonly string[], body: Body) => void;

const places = await findPlaces();

/** Puts the same questions to every server there is; what a target made is gone when they are answered. */
export async function examine(
  questions: (target: Target, promised: Promised, place: Place) => void,
): Promise<void> {
  for (const place of places) {
    const target = await openTarget(place);
    describe(place.name, () => {
      afterAll(() => target.close());
      questions(
        target,
        (title, needs, body) => {
          const missing = needs.filter((need) => !place.shows.has(need));
          if (missing.length === 0) test(title, body);
          else noteUnshown(place, title, missing);
        },
        place,
      );
    });
  }
}
