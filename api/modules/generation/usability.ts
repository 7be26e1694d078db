import type { Model } from "#db/schema/models";
import type { NeededModel } from "#generation-parameters";
import type { AdapterNeed, ReferenceRole } from "#generation-references";
import { pickAdapter } from "./adapters";
import { describeMissing, pickCompanions } from "./companions";

/** Whether images can be generated with a main model now, and else why not and what to install. */
export type Usability = { usable: boolean; reason?: string; missing: NeededModel[] };

/** A role of references that a main model has, and what to install before it can be used. */
export type ReferenceUsability = { role: ReferenceRole; max: number; missing: AdapterNeed[] };

/** @param candidates the available models that may carry its references, by name */
export function referenceUsabilityOf(
  { accepts }: Model,
  candidates: readonly Model[],
): ReferenceUsability[] {
  return (accepts?.references ?? []).map((accepted) => {
    const { role, max, adapters } = accepted;
    const picked = adapters.length === 0 ? undefined : pickAdapter(accepted, candidates);
    return { role, max, missing: picked && "missing" in picked ? picked.missing : [] };
  });
}

/**
 * @param candidates the available models that it may need beside it, by name
 * @param apiVersion of the InvokeAI in force; null: unknown
 */
export function usabilityOf(
  model: Model,
  candidates: readonly Model[],
  apiVersion: string | null,
): Usability {
  const refuse = (reason: string, missing: NeededModel[] = []) => ({
    usable: false,
    reason,
    missing,
  });
  const { accepts, defaults } = model;
  if (accepts === null || defaults === null) {
    const what = `${model.base}${model.variant === null ? "" : ` ${model.variant}`}, ${model.format}`;
    return refuse(`This server cannot generate images with such a model (${what}).`);
  }
  if (!model.isAvailable) return refuse("InvokeAI does not have this model.");
  const tooOld = versionFault(model, apiVersion);
  if (tooOld !== undefined) return refuse(tooOld);
  const { companions = [] } = accepts;
  const { missing } = pickCompanions(companions, candidates);
  if (missing.length > 0) {
    return refuse(`Install ${describeMissing(missing, companions)} in InvokeAI.`, missing);
  }
  return { usable: true, missing };
}

/** What to do where the InvokeAI in force is too old for a model; undefined: it is not, as far as known. */
export function versionFault(
  { base, variant, accepts }: Pick<Model, "base" | "variant" | "accepts">,
  apiVersion: string | null,
): string | undefined {
  const since = accepts?.since;
  if (since === undefined || apiVersion === null || !isOlder(apiVersion, since)) return undefined;
  const kind = base === "flux2" ? `${base} ${variant}` : base;
  return `Update InvokeAI to ${since}: its version ${apiVersion} does not know ${kind}.`;
}

/** Whether a version such as 6.13.8 comes before one such as 6.14. Of what is no version, it does not. */
function isOlder(version: string, since: string): boolean {
  const [major = Number.NaN, minor = Number.NaN] = version.split(".").map(Number);
  const [sinceMajor = 0, sinceMinor = 0] = since.split(".").map(Number);
  return major < sinceMajor || (major === sinceMajor && minor < sinceMinor);
}
