import type { Tx } from "#db/client";
import { listReferenceBases } from "#db/queries/generation/generation-bases";
import { getSettings } from "#db/queries/installation/settings";
import { listModelsOf, resolveModels } from "#db/queries/models/model-lookup";
import type { Model } from "#db/schema/models";
import { AppError, type FieldFault } from "#errors";
import { fitOf } from "#generation-parameters";
import {
  type AcceptedReference,
  adapterKinds,
  maxReferences,
  preprocessors,
  type Reference,
} from "#generation-references";
import type { ApiDeps } from "../../deps";
import type { RequestedReference } from "../../fields/references";
import { pickAdapter } from "./adapters";
import { referenceKinds } from "./named-models";
import { checkPicture } from "./source";

/**
 * Fills in what the references of a request leave out, and collects every fault. The result is valid only if there is
 * none.
 * @throws AppError not_found or conflict for a picture that cannot be used; invokeai_model_error when InvokeAI lacks what
 * carries a reference
 */
export async function completeReferences(
  { config }: Pick<ApiDeps, "config">,
  tx: Tx,
  requested: readonly RequestedReference[],
  model: Model,
): Promise<{ references: Reference[] | null; faults: FieldFault[] }> {
  if (requested.length === 0) return { references: null, faults: [] };
  const faults: FieldFault[] = [];
  if (requested.length > maxReferences) {
    return {
      references: null,
      faults: [{ path: "references", message: `at most ${maxReferences}` }],
    };
  }
  for (const [at, { imageId }] of requested.entries()) {
    await checkPicture(tx, { photoId: imageId, path: `references.${at}.image_id` });
  }
  const { candidates, currentKey } = await readCandidates(tx, requested, model);
  const settings = await getSettings(tx, config);
  const allowedNodes = settings["generation.allowed_node_types"];
  const references: Reference[] = [];
  const used: string[] = [];
  for (const [at, reference] of requested.entries()) {
    const refuse = (name: string, message: string) =>
      void faults.push({ path: `references.${at}.${name}`, message });
    const accepted = model.accepts?.references?.find(({ role }) => role === reference.role);
    if (!accepted) {
      refuse("role", await describeRoles(tx, model, reference));
      continue;
    }
    const sameRole = requested.slice(0, at).filter(({ role }) => role === reference.role);
    if (sameRole.length >= accepted.max) {
      refuse("role", `at most ${accepted.max} of ${reference.role} for ${model.base}`);
    }
    checkPreprocessor(reference, allowedNodes, refuse);
    const adapted = chooseAdapter(reference, {
      accepted,
      candidates,
      used,
      path: `references.${at}`,
      modelKey: reference.modelKey === undefined ? undefined : currentKey(reference.modelKey),
      refuse,
    });
    if (adapted) used.push(adapted.type);
    const kind = adapted && adapterKinds[adapted.type];
    const settled = settle(
      reference.isRecalled ? adjust(reference, kind) : reference,
      kind,
      refuse,
    );
    references.push({ ...settled, ...adapted?.keys });
  }
  return { references, faults };
}

type Refuse = (name: string, message: string) => void;

/** What the base can do instead, and which bases have the role. */
async function describeRoles(
  tx: Tx,
  { base, accepts }: Model,
  { role }: RequestedReference,
): Promise<string> {
  const own = (accepts?.references ?? []).map((one) => one.role).join(", ");
  const able = (await listReferenceBases(tx, role)).filter((other) => other !== base);
  const others = able.length === 0 ? "" : `; models of base ${able.join(", ")} take ${role}`;
  return `not supported by this model of base ${base}, which takes ${own || "no references"}${others}`;
}

async function readCandidates(tx: Tx, requested: readonly RequestedReference[], model: Model) {
  const named = requested.flatMap(({ modelKey }) =>
    modelKey === undefined ? [] : [{ key: modelKey }],
  );
  const found = await resolveModels(tx, named);
  return {
    candidates: await listModelsOf(tx, referenceKinds(model)),
    currentKey: (key: string) => found.get(key)?.key ?? key,
  };
}

function checkPreprocessor(
  { preprocessor, role }: RequestedReference,
  allowedNodes: readonly string[],
  refuse: Refuse,
): void {
  if (preprocessor === undefined) return;
  if (role !== "control") return refuse("preprocessor", "only with the role control");
  const { node, fetchesWeights } = preprocessors[preprocessor];
  if (!fetchesWeights || allowedNodes.includes(node)) return;
  refuse(
    "preprocessor",
    `fetches weights from the internet when InvokeAI lacks them; to allow it, add "${node}" to the setting generation.allowed_node_types`,
  );
}

type Adapted = { type: string; keys: { modelKey: string; encoderKey?: string } };

/** The model that carries the reference; undefined: the main model does, or there is a fault. */
function chooseAdapter(
  reference: RequestedReference,
  on: {
    accepted: AcceptedReference;
    candidates: readonly Model[];
    /** The types of the models that carry the references before it. */
    used: readonly string[];
    path: string;
    modelKey: string | undefined;
    refuse: Refuse;
  },
): Adapted | undefined {
  const { accepted, candidates, refuse } = on;
  const named = candidates.find(
    (model) =>
      model.key === on.modelKey &&
      accepted.adapters.some((need) => fitOf(need, model) !== undefined),
  );
  const key = reference.isRecalled ? named?.key : on.modelKey;
  if (accepted.adapters.length === 0) {
    if (key !== undefined) refuse("model_key", "none: the model itself takes such references");
    return undefined;
  }
  const { preprocessor } = reference;
  if (key !== undefined && !named) {
    const titles = accepted.adapters.map(({ title }) => title).join(" or ");
    refuse("model_key", `the key of ${titles} that InvokeAI has`);
    return undefined;
  }
  const free = candidates.filter(({ type }) => !isUsedUp(type, on.used));
  if (named && !free.includes(named)) {
    refuse(
      "model_key",
      "of another kind: a model of this kind carries only one reference of a step",
    );
    return undefined;
  }
  const picked = pickAdapter(accepted, free, { key, preprocessor });
  if ("missing" in picked) {
    const words = picked.missing.map(({ title }) => title).join(" and ");
    throw new AppError({
      kind: "invalid",
      code: "invokeai_model_error",
      message: `Install ${words} in InvokeAI; a reference of role ${reference.role} needs it.`,
      details: {
        path: on.path,
        lacks: picked.missing.map(({ type, title, source }) => ({ type, title, source })),
      },
    });
  }
  const { adapter, reader } = picked;
  return {
    type: adapter.type,
    keys: { modelKey: adapter.key, ...(reader && { encoderKey: reader.key }) },
  };
}

function isUsedUp(type: string, used: readonly string[]): boolean {
  const max = adapterKinds[type]?.max ?? maxReferences;
  return used.filter((each) => each === type).length >= max;
}

/** Without the numbers that its adapter does not take. */
function adjust(
  { weight, begin, end, ...reference }: RequestedReference,
  kind: (typeof adapterKinds)[string] | undefined,
): RequestedReference {
  return {
    ...reference,
    ...(kind && weight !== undefined && { weight: Math.min(weight, kind.weight.max) }),
    ...(kind?.usualEnd !== undefined && { begin, end }),
  };
}

/** The numbers of a reference, with the usual ones of its adapter. */
function settle(
  reference: RequestedReference,
  kind: (typeof adapterKinds)[string] | undefined,
  refuse: Refuse,
): Reference {
  const { imageId, role, weight, begin, end, preprocessor } = reference;
  const within = (name: string, value: number | undefined, max: number) => {
    if (value !== undefined && (value < 0 || value > max))
      refuse(name, `a number from 0 to ${max}`);
  };
  const fixed = `not for ${role}${kind ? " with this model" : ""}`;
  if (!kind && weight !== undefined) refuse("weight", fixed);
  within("weight", weight, kind?.weight.max ?? 2);
  const usualEnd = kind?.usualEnd;
  for (const [name, value] of Object.entries({ begin, end })) {
    if (usualEnd === undefined && value !== undefined) refuse(name, fixed);
    within(name, value, 1);
  }
  const range =
    usualEnd === undefined
      ? undefined
      : { begin: begin ?? 0, end: end ?? Math.max(usualEnd, begin ?? 0) };
  if (range && range.begin > range.end) refuse("begin", "not above end");
  return {
    imageId,
    role,
    ...(kind && { weight: weight ?? kind.weight.usual }),
    ...range,
    ...(preprocessor !== undefined && { preprocessor }),
  };
}
