import type { StepError } from "#db/schema/steps";

const makeAgain = "Run the step again to generate it anew.";

const lostBecause = (message: string): StepError => ({
  code: "invokeai_retrieval_error",
  message,
  suggestion: makeAgain,
});

/** An image that will not be fetched: the reason in its photo's row, and the error of its slot. */
export const lostImages = {
  missing: {
    reason: `InvokeAI no longer has the image. ${makeAgain}`,
    error: lostBecause("InvokeAI made an image of this step, but no longer has it."),
  },
  gone: {
    reason: `The rented GPU ended before the image was fetched. ${makeAgain}`,
    error: lostBecause("A rented GPU made an image of this step, but ended before it was fetched."),
  },
  broken: {
    reason: "InvokeAI sent a file that is broken, or is not the image that was asked for.",
    error: lostBecause("InvokeAI made an image of this step, but what it keeps of it is broken."),
  },
} as const;
