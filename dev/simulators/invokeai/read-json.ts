import type { RouteRequest } from "./router.ts";
import { ValidationFailure } from "./validation.ts";

/** The body as JSON; what is none is refused as the real server refuses it. */
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
