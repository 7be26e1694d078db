import type { RouteRequest } from "./router.ts";
import { ValidationFailure } from "./validation.ts";

/** Parses the body as JSON; invalid JSON gets the real server's error. */
export function readJson({ body }: Pick<RouteRequest, "body">): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    throw new ValidationFailure([
      {
        type: "json_invalid",
        loc: ["body", 0],
        msg: "JSON decode error",
        input: {},
        ctx: { error: "Expecting value" },
      },
    ]);
  }
}
