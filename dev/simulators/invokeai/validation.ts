/** One entry of a 422 answer's `detail`, as the real server's validator writes it. */
export type Problem = {
  type: string;
  loc: (string | number)[];
  msg: string;
  input: unknown;
  ctx?: Record<string, unknown>;
};

/** A request that the real server refuses with 422. */
export class ValidationFailure extends Error {
  readonly problems: Problem[];

  constructor(problems: Problem[]) {
    super("validation failed");
    this.problems = problems;
  }
}

/** The form that a rule of the real server's own models takes. */
export function ruleBroken(loc: (string | number)[], message: string, input: unknown): Problem {
  return { type: "value_error", loc, msg: `Value error, ${message}`, input, ctx: { error: {} } };
}

export function missingField(loc: (string | number)[], input: unknown): Problem {
  return { type: "missing", loc, msg: "Field required", input };
}

/** An object from outside; anything else is refused. */
export function requireObject(value: unknown, loc: (string | number)[]): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new ValidationFailure([
    { type: "model_attributes_type", loc, msg: "Input should be a valid dictionary", input: value },
  ]);
}
