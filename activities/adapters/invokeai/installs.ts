import { Value } from "@sinclair/typebox/value";
import { ProviderError } from "#errors";
import { requiredIdentityOf } from "#generation-references";
import { isOnHuggingFace, type ModelSource, parseModelSource } from "#model-sources";
import type { Http } from "../http";
import {
  Installed,
  type InstallJob,
  isOf,
  Job,
  Jobs,
  SourcedModel,
  StarterAnswer,
  type Starters,
  toJob,
  toStarters,
} from "./install-wire";
import { parseAnswer } from "./wire";

const path = "/api/v2/models/install";
const listMaxBytes = 64 * 1024 * 1024;

/** Calls to InvokeAI's installer of models; all but the lists need an administrator where there are accounts. */
export function createInstallCalls(http: Http) {
  const readJobs = async (signal?: AbortSignal) =>
    parseAnswer(Jobs, await http.readJson({ path, maxBytes: listMaxBytes }, signal));

  return {
    /** The models that InvokeAI offers to a new owner, and sets of them. */
    async listStarters(signal?: AbortSignal): Promise<Starters> {
      const request = { path: "/api/v2/models/starter_models", maxBytes: listMaxBytes };
      return toStarters(parseAnswer(StarterAnswer, await http.readJson(request, signal)));
    },

    /** The keys of installed models with what they were installed from. */
    async listInstalledSources(signal?: AbortSignal): Promise<{ key: string; source: string }[]> {
      const request = { path: "/api/v2/models/", maxBytes: listMaxBytes };
      const { models } = parseAnswer(Installed, await http.readJson(request, signal));
      return models.filter((model) => Value.Check(SourcedModel, model));
    },

    /** The job with this id, if it is of this source: after a restart the id may be another one's. */
    async findInstall(
      job: { id: number; source: ModelSource },
      signal?: AbortSignal,
    ): Promise<InstallJob | undefined> {
      try {
        const found = parseAnswer(Job, await http.readJson({ path: `${path}/${job.id}` }, signal));
        return isOf(found, job.source) ? toJob(found) : undefined;
      } catch (error) {
        if (error instanceof ProviderError && error.fault === "missing") return undefined;
        throw error;
      }
    },

    /** The newest job of this source that has not ended. */
    async findOpenInstall(
      source: ModelSource,
      signal?: AbortSignal,
    ): Promise<InstallJob | undefined> {
      const jobs = (await readJobs(signal)).filter((job) => isOf(job, source)).map(toJob);
      return jobs.findLast(({ state }) => state === "open");
    },

    /**
     * Starts an install; the same source twice makes two jobs. Sent once, without a retry. The token is sent only with sources
     * that are on Hugging Face. A model that InvokeAI looks up by its name gets that name.
     */
    async startInstall(
      install: { source: string; huggingFaceToken: string | null },
      signal?: AbortSignal,
    ): Promise<InstallJob> {
      const { source, huggingFaceToken: token } = install;
      const parsed = parseModelSource(source);
      const hasToken = token !== null && parsed !== undefined && isOnHuggingFace(parsed);
      const query = { source, ...(hasToken && { access_token: token }) };
      const json = requiredIdentityOf(source) ?? {};
      const request = { method: "POST", path, query, json, isSentOnce: true } as const;
      return toJob(parseAnswer(Job, await http.readJson(request, signal).catch(withoutCause)));
    },

    /** Cancels a job; false when there is none with this id. */
    async cancelInstall(id: number, signal?: AbortSignal): Promise<boolean> {
      try {
        await http.readJson({ method: "DELETE", path: `${path}/${id}` }, signal);
        return true;
      } catch (error) {
        const isUnknown =
          error instanceof ProviderError && (error.fault === "missing" || error.status === 415);
        if (isUnknown) return false;
        throw error;
      }
    },
  };
}

/** The cause of a failed fetch may name the address, which holds the token. */
function withoutCause(error: unknown): never {
  if (error instanceof ProviderError) {
    const { provider, fault, message, status, retryable, retryAfterMs } = error;
    throw new ProviderError({ provider, fault, message, status, retryable, retryAfterMs });
  }
  throw error;
}
