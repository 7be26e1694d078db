/** One entry of a 422 answer's `detail`, in the real server's format. */
export type Problem = {
  type: string;
  loc: (string | number)[];
  msg: string;
  input: unknown;
  ctx?: Record<string, unknown>;
};

/** A request that the real server answers with 422. */
export class ValidationFailure extends Error {
  readonly problems: Problem[];

  constructor(problems: Problem[]) {
    super("validation failed");
    this.problems = problems;
  }
}

/** The format for rules of the real server's own models. */
export function ruleBroken(loc: (string | number)[], message: string, input: unknown): Problem {
  return { type: "value_error", loc, msg: `Value error, ${message}`, input, ctx: { error: {} } };
}

export function missingField(loc: (string | number)[], input: unknown): Problem {
  return { type: "missing", loc, msg: "Field required", input };
}

/** Requires an object from a request; anything else is a 422. */
export function requireObject(value: unknown, loc: (string | number)[]): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new ValidationFailure([
    { type: "model_attributes_type", loc, msg: "Input should be a valid dictionary", input: value },
  ]);
}

/** Requires a list in field `name` of a body. */
export function requireList(body: unknown, name: string): unknown[] {
  const value = requireObject(body, ["body"])[name];
  if (value === undefined) throw new ValidationFailure([missingField(["body", name], null)]);
  if (Array.isArray(value)) return value;
  throw new ValidationFailure([
    { type: "list_type", loc: ["body", name], msg: "Input should be a valid list", input: value },
  ]);
}
