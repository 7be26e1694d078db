import { changeInstall, endInstall } from "#db/queries/models/installs";
import type { ModelInstall } from "#db/schema/model-installs";
import { ProviderError } from "#errors";
import { isOutcomeUnknown } from "../adapters/invokeai/errors";
import { complete, findInstalledKey, type InstallStep, isInDoubt, recordJob } from "./follow-job";
import { describeRefusal } from "./install-words";

/** InvokeAI fails an install with a 500 while Hugging Face is away. */
const maxTries = 5;

/**
 * Sends an install, unless its model is installed already or a job of it is open: of an earlier try whose answer was lost, or of
 * another client. Until a try can no longer have made a job, no other one is sent.
 */
export async function sendInstall(step: InstallStep): Promise<void> {
  const { deps, row, installer, source, signal } = step;
  const { db } = deps.database;
  const key = await findInstalledKey(installer, source, signal);
  if (key !== undefined) return complete(step, key);
  const known = await installer.invokeai.findOpenInstall(source, signal);
  if (known) {
    const adopted = await adopt(step, known.id);
    if (adopted) await recordJob({ ...step, row: adopted }, known);
    return;
  }
  if (isInDoubt(step)) return;
  const now = deps.now();
  if (row.tries >= maxTries) {
    const error =
      "InvokeAI failed to begin the install several times; it may not reach the source. Install it again later.";
    await endInstall(db, { seen: row, ending: { status: "failed", error }, now });
    return;
  }
  const claimed = await changeInstall(db, {
    seen: row,
    set: {
      status: "processing",
      backend: installer.backend,
      sentAt: now,
      tries: row.tries + 1,
      startedAt: row.startedAt ?? now,
      message: "InvokeAI is asked to install the model.",
    },
  });
  if (claimed) await send({ ...step, row: claimed });
}

async function adopt(
  { deps, row, installer }: InstallStep,
  jobId: number,
): Promise<ModelInstall | undefined> {
  const now = deps.now();
  return changeInstall(deps.database.db, {
    seen: row,
    set: {
      status: "processing",
      backend: installer.backend,
      sentAt: row.sentAt ?? now,
      startedAt: row.startedAt ?? now,
      jobId,
    },
  });
}

async function send(step: InstallStep): Promise<void> {
  const { deps, row, installer, signal } = step;
  const { db } = deps.database;
  const { huggingFaceToken } = deps.config.secrets;
  try {
    const job = await installer.invokeai.startInstall(
      { source: row.source, huggingFaceToken },
      signal,
    );
    await recordJob(step, job);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    if (isOutcomeUnknown(error)) {
      const message = `${error.message} The install is looked for there before it is sent again.`;
      await changeInstall(db, { seen: row, set: { message } });
      return;
    }
    if (error.fault === "locked") {
      // InvokeAI took nothing: it is sent once a login is accepted.
      const set = { sentAt: null, tries: row.tries - 1 };
      await changeInstall(db, { seen: row, set });
      throw error;
    }
    const ending = { status: "failed", error: describeRefusal(error) } as const;
    await endInstall(db, { seen: row, ending, now: deps.now() });
  }
}
