import { type ErrorCode, ProviderError } from "#errors";

export type FailureReason =
  | "model_missing"
  | "model_unusable"
  | "out_of_memory"
  | "source_missing"
  | "disk_full"
  | "graph_invalid"
  | "image_missing"
  | "item_unreadable"
  | "unreachable"
  | "unknown";

/** Why an image was not made, in our own words; nothing of InvokeAI's texts is in it. */
export type GenerationFailure = {
  reason: FailureReason;
  code: ErrorCode;
  message: string;
  suggestion: string;
  /** So often one image is asked for: more than once only where it may succeed without a person doing something first. */
  maxTries: number;
};

const failures: Record<FailureReason, GenerationFailure> = {
  model_missing: {
    reason: "model_missing",
    code: "invokeai_model_error",
    message: "InvokeAI no longer has a model, VAE or LoRA of this step.",
    suggestion: "Refresh the models and choose one that is available.",
    maxTries: 1,
  },
  model_unusable: {
    reason: "model_unusable",
    code: "invokeai_model_error",
    message: "The chosen model, VAE and LoRAs do not work together.",
    suggestion: "Choose a VAE and LoRAs of the same base as the model.",
    maxTries: 1,
  },
  out_of_memory: {
    reason: "out_of_memory",
    code: "invokeai_generation_error",
    message: "InvokeAI ran out of memory.",
    suggestion: "Choose a smaller size, a smaller batch or a smaller model.",
    maxTries: 1,
  },
  source_missing: {
    reason: "source_missing",
    code: "invokeai_generation_error",
    message: "InvokeAI no longer has the uploaded source image.",
    suggestion: "Run the step again: the source is then uploaded anew.",
    maxTries: 3,
  },
  disk_full: {
    reason: "disk_full",
    code: "invokeai_generation_error",
    message: "InvokeAI could not save the image.",
    suggestion: "Free space on the disk of InvokeAI, then run the step again.",
    maxTries: 1,
  },
  graph_invalid: {
    reason: "graph_invalid",
    code: "invokeai_graph_error",
    message: "InvokeAI did not accept the parameters of this step.",
    suggestion: "Change size, scheduler or other parameters; if that does not help, report it.",
    maxTries: 1,
  },
  image_missing: {
    reason: "image_missing",
    code: "invokeai_generation_error",
    message: "InvokeAI finished without naming an image.",
    suggestion: "Run the step again.",
    maxTries: 2,
  },
  item_unreadable: {
    reason: "item_unreadable",
    code: "invokeai_graph_error",
    message: "InvokeAI took this step but cannot load it, so that it was cancelled there.",
    suggestion: "Change the parameters of the step; if that does not help, report it.",
    maxTries: 1,
  },
  unreachable: {
    reason: "unreachable",
    code: "invokeai_connection_error",
    message: "InvokeAI did not give a usable answer.",
    suggestion: "Check that InvokeAI runs at the configured address, then run the step again.",
    maxTries: 1,
  },
  unknown: {
    reason: "unknown",
    code: "invokeai_generation_error",
    message: "InvokeAI failed to make the image.",
    suggestion: "Run the step again; if it fails again, look into the log of InvokeAI.",
    maxTries: 3,
  },
};

/** The words for a reason. */
export function describeFailure(reason: FailureReason): GenerationFailure {
  return failures[reason];
}

/** Reads a failed item's Python class and message (InvokeAI 6.13–6.14). */
export function readItemFailure(errorType: string, errorMessage: string): GenerationFailure {
  return failures[reasonOf(errorType, errorMessage)];
}

function reasonOf(errorType: string, message: string): FailureReason {
  switch (errorType) {
    case "UnknownModelException":
    case "FileNotFoundError":
      return "model_missing";
    case "ImageRecordNotFoundException":
    case "ImageFileNotFoundException":
      return "source_missing";
    case "OutOfMemoryError":
    case "MemoryError":
      return "out_of_memory";
    case "ImageFileSaveException":
    case "ImageRecordSaveException":
      return "disk_full";
    case "RequiredConnectionException":
    case "MissingInputException":
    case "NodeInputError":
    case "ValidationError":
      return "graph_invalid";
    case "AssertionError":
    case "TypeError":
      return "model_unusable";
  }
  // Classes that say nothing by themselves: Exception, RuntimeError, ValueError, OSError. What they say of a model or
  // LoRA of another kind or base was seen on 6.14.2.
  if (/\bunknown (model|lora|vae)\b/i.test(message)) return "model_missing";
  if (/out of memory|can't allocate memory|not enough memory/i.test(message)) {
    return "out_of_memory";
  }
  if (/\bsubmodels?\b|shapes cannot be multiplied/i.test(message)) return "model_unusable";
  if (/no space left/i.test(message)) return "disk_full";
  if (errorType === "ValueError") return "graph_invalid";
  return "unknown";
}

/** The same words for an enqueue that failed. */
export function readCallFailure(error: ProviderError): GenerationFailure {
  return failures[error.status === 422 ? "graph_invalid" : "unreachable"];
}

/**
 * Whether a failed call may have had its effect all the same. False only where the server's own
 * answer says that it took nothing for good; an abort, a cut, a time-out, a 429 of some proxy and a
 * 5xx say nothing of the kind.
 */
export function isOutcomeUnknown(error: unknown): boolean {
  const nothingTaken = ["rejected", "missing", "locked"];
  return !(error instanceof ProviderError && nothingTaken.includes(error.fault));
}
