import { expect, test } from "bun:test";
import {
  type FailureReason,
  isOutcomeUnknown,
  readCallFailure,
  readItemFailure,
} from "#activities/adapters/invokeai/errors";
import { ProviderError, type ProviderFault } from "#errors";

const known: [string, string, FailureReason][] = [
  ["UnknownModelException", "", "model_missing"],
  ["Exception", "Unknown model 5c0d", "model_missing"],
  ["Exception", "Unknown lora: 5c0d", "model_missing"],
  ["ValueError", "Unknown model: 5c0d", "model_missing"],
  ["ImageRecordNotFoundException", "Image record not found", "source_missing"],
  ["ImageFileNotFoundException", "", "source_missing"],
  ["OutOfMemoryError", "CUDA out of memory. Tried to allocate 2.00 GiB", "out_of_memory"],
  ["RuntimeError", "DefaultCPUAllocator: can't allocate memory", "out_of_memory"],
  ["ImageFileSaveException", "", "disk_full"],
  ["OSError", "[Errno 28] No space left on device: '/secret'", "disk_full"],
  ["RequiredConnectionException", "", "graph_invalid"],
  ["NodeInputError", "", "graph_invalid"],
  ["ValueError", "Incompatible 'noise' and 'latents' shapes", "graph_invalid"],
  ["AssertionError", "", "model_unusable"],
  ["TypeError", "argument of type 'NoneType' is not iterable", "model_unusable"],
  ["ValueError", "There are no submodels in a LoRA model.", "model_unusable"],
  ["Exception", "A submodel type must be provided when loading main pipelines.", "model_unusable"],
  [
    "RuntimeError",
    "mat1 and mat2 shapes cannot be multiplied (154x2048 and 768x4)",
    "model_unusable",
  ],
  ["RuntimeError", "something at /secret", "unknown"],
  ["constructor", "", "unknown"],
  ["", "", "unknown"],
];

test("each known failure of an item has its reason, and none of InvokeAI's own message", () => {
  for (const [type, message, reason] of known) {
    const failure = readItemFailure(type, message);
    expect({ type, message, reason: failure.reason }).toEqual({ type, message, reason });
    expect(failure.suggestion).not.toBe("");
    if (message !== "") expect(JSON.stringify(failure)).not.toContain(message);
  }
});

const errorOf = (fault: ProviderFault, status?: number) =>
  new ProviderError({ provider: "invokeai", fault, status, message: "", retryable: false });

test("the outcome of an enqueue is known only after a refusal", () => {
  const refusals = [errorOf("rejected", 422), errorOf("missing", 404)];
  expect(refusals.map(isOutcomeUnknown)).toEqual([false, false]);
  const others = [
    errorOf("timeout"),
    errorOf("unreachable"),
    errorOf("broken", 500),
    errorOf("broken", 200),
    errorOf("busy", 429),
    errorOf("busy", 503),
    new DOMException("", "AbortError"),
  ];
  expect(others.map(isOutcomeUnknown)).toEqual(others.map(() => true));
});

test("a refused graph and an unreachable server have different error codes", () => {
  expect(readCallFailure(errorOf("rejected", 422)).code).toBe("invokeai_graph_error");
  expect(readCallFailure(errorOf("rejected", 401)).code).toBe("invokeai_connection_error");
  expect(readCallFailure(errorOf("unreachable")).code).toBe("invokeai_connection_error");
});

test("an image is requested again only where a retry can succeed, and a limited number of times", () => {
  const tries = (type: string, message = "") => readItemFailure(type, message).maxTries;
  const hopeless = [
    "UnknownModelException",
    "OutOfMemoryError",
    "MissingInputException",
    "TypeError",
  ];
  expect(hopeless.map((type) => tries(type))).toEqual([1, 1, 1, 1]);
  expect(tries("ImageRecordNotFoundException")).toBe(3);
  expect(tries("RuntimeError", "an unknown error")).toBe(3);
});

test("an unknown failure keeps InvokeAI's error class and message, in one short line without paths", () => {
  const details = (message: string, type = "RuntimeError") =>
    readItemFailure(type, message).details;
  expect(details("the moon\n is  in the way")).toBe("RuntimeError: the moon is in the way");
  for (const path of [
    "/home/me/invokeai/models/a b.safetensors",
    "/opt/x",
    "C:\\Users\\me\\models\\x.ckpt",
    "~/invokeai/outputs/1.png",
    "\\\\nas\\share\\x.ckpt",
    "file:///home/me/x",
    "http://10.0.0.7:9090/x?token=1",
  ]) {
    for (const message of [`cannot read '${path}' now`, `cannot read ${path.replace(" ", "")}`]) {
      expect(details(message)).toStartWith("RuntimeError: cannot read ");
      expect(details(message)).not.toMatch(/home|Users|opt|models|nas|outputs|10\.0|token/);
    }
  }
  expect(details("and/or, 3/4 of it")).toBe("RuntimeError: and/or, 3/4 of it");
  expect(Array.from(details("🌊 ".repeat(500)) ?? "").length).toBeLessThanOrEqual(200);
  expect(details("")).toBe("RuntimeError");
  expect(readItemFailure("", "").details).toBeUndefined();
  expect(readItemFailure("OutOfMemoryError", "of /home").details).toBeUndefined();
});
