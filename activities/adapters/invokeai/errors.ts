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

/** Why an image was not generated, in our own terms. */
export type GenerationFailure = {
  reason: FailureReason;
  code: ErrorCode;
  message: string;
  suggestion: string;
  /** InvokeAI's error text for an unknown failure: one line without paths. */
  details?: string;
  /** How often an image is requested in all: more than once only if a retry may succeed without a person's help. */
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
    suggestion: "Run the step again: the source is then uploaded again.",
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
    message: "InvokeAI finished without returning an image.",
    suggestion: "Run the step again.",
    maxTries: 2,
  },
  item_unreadable: {
    reason: "item_unreadable",
    code: "invokeai_graph_error",
    message: "InvokeAI accepted this step but cannot load it, so it was cancelled there.",
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
    suggestion: "Run the step again; if it fails again, check the log of InvokeAI.",
    maxTries: 3,
  },
};

/** The failure for a reason, with its texts. */
export function describeFailure(reason: FailureReason): GenerationFailure {
  return failures[reason];
}

/** Reads a failed item's Python class and message (InvokeAI 6.13–6.14). */
export function readItemFailure(errorType: string, errorMessage: string): GenerationFailure {
  const failure = failures[reasonOf(errorType, errorMessage)];
  const details = failure.reason === "unknown" ? quoteOf(errorType, errorMessage) : "";
  return details === "" ? failure : { ...failure, details };
}

const longestQuote = 200;

/** Class and message of an exception in one short line, without addresses and paths. */
function quoteOf(errorType: string, message: string): string {
  const line = [errorType, message]
    .map((part) =>
      part
        // Control and format characters, with the breaks between lines.
        .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ")
        .replace(/\b[a-z][a-z0-9+.-]*:\/\/\S+/gi, "…")
        // Absolute paths, in quotes with spaces in them, of Unix and of Windows.
        .replace(/(["'])(?:~|[a-z]:|\\)?[\\/].*?\1/gi, "…")
        .replace(/(?<![\w.])(?:~|[a-z]:)?(?:[\\/]+[^\s\\/"',;:)\]]+)+[\\/]?/gi, "…")
        .replace(/\s+/g, " ")
        .trim(),
    )
    .filter((part) => part !== "")
    .join(": ");
  const characters = Array.from(line);
  if (characters.length <= longestQuote) return line;
  return `${characters.slice(0, longestQuote - 1).join("")}…`;
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
  // Generic classes: Exception, RuntimeError, ValueError, OSError. Their messages for a model or LoRA of another kind or
  // base are those of 6.14.2.
  if (/\bunknown (model|lora|vae)\b/i.test(message)) return "model_missing";
  if (/out of memory|can't allocate memory|not enough memory/i.test(message)) {
    return "out_of_memory";
  }
  if (/\bsubmodels?\b|shapes cannot be multiplied/i.test(message)) return "model_unusable";
  if (/no space left/i.test(message)) return "disk_full";
  if (errorType === "ValueError") return "graph_invalid";
  return "unknown";
}

/** The failure for an enqueue that failed. */
export function readCallFailure(error: ProviderError): GenerationFailure {
  return failures[error.status === 422 ? "graph_invalid" : "unreachable"];
}

/**
 * Whether a failed call may have had its effect anyway. False only if the server's own answer proves that it took
 * nothing; an abort, a broken connection, a time-out, a 429 of a proxy and a 5xx do not prove that.
 */
export function isOutcomeUnknown(error: unknown): boolean {
  const nothingTaken = ["rejected", "missing", "locked"];
  return !(error instanceof ProviderError && nothingTaken.includes(error.fault));
}
