import type { ProviderError } from "#errors";
import type { ModelInstall } from "#db/schema/model-installs";

const needsToken =
  "it may require an account: accept the model's terms on its page, and set HF_TOKEN for models of Hugging Face.";

/** Why InvokeAI refused an install for good. */
export function describeRefusal({ status }: ProviderError): string {
  if (status === 401 || status === 403) {
    return "InvokeAI lets only administrators install models; set INVOKEAI_USER to one.";
  }
  if (status === 409 || status === 415 || status === 422) {
    return "InvokeAI cannot install from this source; check how it is written.";
  }
  return `InvokeAI found no model at this source; check how it is written, or ${needsToken}`;
}

/** Why a job of InvokeAI's installer failed, by the Python class of its error. */
export function describeJobFailure(reason: string | null): string {
  switch (reason) {
    case "ConnectionError":
    case "ConnectTimeout":
    case "ReadTimeout":
    case "Timeout":
    case "ChunkedEncodingError":
      return "InvokeAI could not download the model: its server could not be reached; install it again later.";
    case "HTTPError":
    case "GatedRepoError":
    case "UnauthorizedException":
      return `InvokeAI was refused the download; ${needsToken}`;
    case "UnsafeDownloadURLException":
      return "InvokeAI does not download from private addresses; use a public one.";
    case "InvalidModelConfigException":
    case "UnknownMetadataException":
    case "NotAMatchError":
      return "InvokeAI does not know this kind of model.";
    case "OSError":
    case "InsufficientSpaceException":
      return "InvokeAI could not store the model; free space on its disk, then install it again.";
    default:
      return reason === null
        ? "InvokeAI could not install the model; see its log."
        : `InvokeAI could not install the model (${reason}); see its log.`;
  }
}

/** `3.2 of 6.9 GB, 46 %`; undefined while nothing was downloaded. */
export function describeProgress({
  bytes,
  totalBytes,
}: Pick<ModelInstall, "bytes" | "totalBytes">): string | undefined {
  if (bytes === 0) return undefined;
  if (totalBytes === null) return `${gigabytes(bytes)} GB`;
  const percent = Math.min(Math.floor((100 * bytes) / totalBytes), 100);
  return `${gigabytes(bytes)} of ${gigabytes(totalBytes)} GB, ${percent} %`;
}

const gigabytes = (bytes: number): string => (bytes / 1_000_000_000).toFixed(1);
