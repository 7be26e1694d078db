import { AppError } from "#errors";
import { adapterKinds } from "#generation-references";
import { fitOf, hiresSize, type OptionName, optionNamed, options } from "#generation-parameters";
import type { BaseFacts } from "../bases";
import type { GraphReference, GraphRequest } from "./request";

type Accepts = BaseFacts["accepts"];

const highestSteps = 500;

/**
 * Finds faults that InvokeAI would report too late or never: it accepts parts of another base and fails while running, and
 * silently drops unknown values.
 * @throws AppError `invokeai_model_error`, `invokeai_graph_error`; the message lists all faults
 */
export function checkRequest(request: GraphRequest, accepts: Accepts): void {
  checkParts(request, accepts);
  checkValues(request, accepts);
}

function checkParts(request: GraphRequest, accepts: Accepts): void {
  const { model, vae, loras, source, references } = request;
  const { base } = model;
  const { vaeBases, loras: takesLoras } = accepts;
  const rules: [boolean, string][] = [
    [
      !vae || (vae.type === "vae" && vaeBases.includes(vae.base)),
      vaeBases.length === 0
        ? `no VAE for ${base}, which takes only the model's own`
        : `a VAE of base ${vaeBases.join(" or ")} in place of "${vae?.name}"`,
    ],
    [takesLoras || loras.length === 0, `${base} without LoRAs, which it does not support`],
    ...loras.map((lora): [boolean, string] => [
      lora.model.base === base && lora.model.type === "lora",
      `a LoRA of base ${base} in place of "${lora.model.name}"`,
    ]),
    [hasCompanions(request, accepts), companionWords(accepts)],
    ...references.map((reference): [boolean, string] => [
      hasAdapter(reference, accepts),
      `an adapter of base ${base} for the reference of role ${reference.role}`,
    ]),
    [
      !source || accepts.imageToImage || (source.part !== undefined && accepts.inpaint),
      `no ${accepts.inpaint ? "whole " : ""}source image for "${model.name}"`,
    ],
  ];
  refuse("invokeai_model_error", "Choose", rules);
}

/** Whether the companions, and the VAE, are those of one alternative. */
function hasCompanions({ companions, vae }: GraphRequest, accepts: Accepts): boolean {
  const given = Object.entries(companions);
  if (accepts.companions.length === 0) return given.length === 0;
  return accepts.companions.some(
    (alternative) =>
      given.every(([name]) => alternative.some(({ part }) => part === name)) &&
      alternative.every((need) => {
        if (need.part === "vae") return vae !== null;
        const companion = companions[need.part];
        return companion !== undefined && fitOf(need, companion) !== undefined;
      }),
  );
}

/** Whether the reference is carried by one of the models that carry its role; one of a role that the base lacks has none. */
function hasAdapter({ role, adapter }: GraphReference, { references }: Accepts): boolean {
  const accepted = references.find((candidate) => candidate.role === role);
  if (!accepted || accepted.adapters.length === 0) return adapter === null;
  return adapter !== null && accepted.adapters.some((need) => fitOf(need, adapter) !== undefined);
}

/** Whether the base has the roles, each so often. */
function areInBounds(given: readonly GraphReference[], { references }: Accepts): boolean {
  const counts = Map.groupBy(given, ({ role }) => role);
  return [...counts].every(
    ([role, { length }]) => length <= (references.find((one) => one.role === role)?.max ?? 0),
  );
}

/** Whether no kind of model carries more of them than it can. */
function areCarriable(given: readonly GraphReference[]): boolean {
  const counts = Map.groupBy(given, ({ adapter }) => adapter?.type ?? "");
  return [...counts].every(
    ([type, { length }]) => length <= (adapterKinds[type]?.max ?? Number.POSITIVE_INFINITY),
  );
}

function companionWords({ companions }: Accepts): string {
  const alternatives = companions.map((needed) => needed.map(({ title }) => title).join(" and "));
  return alternatives.length === 0
    ? "no text encoders or component source for a model that holds all its parts"
    : `beside the model ${alternatives.join(", or ")}`;
}

function checkValues(request: GraphRequest, accepts: Accepts): void {
  const { width, height, source, loras, model, references } = request;
  const { sizeMultiple, minSize, maxSize } = accepts;
  const rules: [boolean, string][] = [
    [
      isSize(width, accepts) && isSize(height, accepts),
      `width and height to multiples of ${sizeMultiple} from ${minSize} to ${maxSize}`,
    ],
    [
      isSteps(request.steps, accepts),
      `steps to a whole number from 1 to ${accepts.maxSteps ?? highestSteps}`,
    ],
    [
      isCfgScale(request.cfgScale, accepts),
      accepts.cfgScale
        ? "cfg_scale to a number from 1 to 200"
        : `cfg_scale to 1: other values are not supported by ${model.base}`,
    ],
    [isScheduler(request.scheduler, accepts), "scheduler to one that the model's base knows"],
    ...options.map(([name, { wire, isWhole, bounds }]): [boolean, string] => {
      const allowed = bounds(accepts);
      return [
        isOption(name, request[name], accepts),
        allowed === null
          ? `${wire} to none, as it is not supported by ${model.base}`
          : `${wire} to a ${isWhole ? "whole " : ""}number from ${allowed.min} to ${allowed.max}`,
      ];
    }),
    [
      accepts.negativePrompt || request.negativePrompt === "",
      `negative_prompt to none, as it is not supported by ${model.base}`,
    ],
    [
      !accepts.negativeNeedsCfg || request.negativePrompt === "" || request.cfgScale > 1,
      `cfg_scale to a number above 1, without which ${model.base} ignores the negative_prompt`,
    ],
    [
      !accepts.partsOnly || source?.part !== undefined,
      `mask or expand to one, as "${model.name}" only paints a part of a picture`,
    ],
    [
      !source?.part || accepts.inpaint,
      `mask and expand to none, as ${model.base} paints whole pictures only`,
    ],
    [
      areInBounds(references, accepts),
      `references to ${accepts.references.map(({ role, max }) => `at most ${max} of role ${role}`).join(", ") || "none"} for ${model.base}`,
    ],
    [areCarriable(references), "references to at most one by a control LoRA"],
    [
      !request.hires || (accepts.hires && !source),
      `hires to none: ${accepts.hires ? "a source image has no second pass" : `it is not supported by ${model.base}`}`,
    ],
    [
      !request.hires || isHires(request.hires, request, accepts),
      "hires to a scale above 1 within the sizes of the base, and a strength above 0, up to 1",
    ],
    [!source || (source.strength >= 0 && source.strength <= 1), "strength to a number from 0 to 1"],
    [loras.every(({ weight }) => Number.isFinite(weight)), "the weights of the LoRAs to numbers"],
  ];
  refuse("invokeai_graph_error", "Change", rules);
}

function refuse(
  code: "invokeai_model_error" | "invokeai_graph_error",
  verb: "Choose" | "Change",
  rules: [isKept: boolean, words: string][],
): void {
  const broken = rules.filter(([isKept]) => !isKept).map(([, words]) => words);
  if (broken.length === 0) return;
  throw new AppError({ kind: "invalid", code, message: `${verb} ${broken.join("; ")}.` });
}

export function isSize(value: number | null, accepts: Accepts): value is number {
  if (value === null) return false;
  const { sizeMultiple, minSize, maxSize } = accepts;
  return value % sizeMultiple === 0 && value >= minSize && value <= maxSize;
}

function isHires(
  { scale, strength }: NonNullable<GraphRequest["hires"]>,
  base: { width: number; height: number },
  accepts: Accepts,
): boolean {
  const { width, height } = hiresSize(base, scale);
  return scale > 1 && Math.max(width, height) <= accepts.maxSize && strength > 0 && strength <= 1;
}

export function isSteps(value: number | null, accepts: Accepts): value is number {
  const max = accepts.maxSteps ?? highestSteps;
  return value !== null && Number.isInteger(value) && value >= 1 && value <= max;
}

export function isCfgScale(value: number | null, accepts: Accepts): value is number {
  return value !== null && value >= 1 && value <= (accepts.cfgScale ? 200 : 1);
}

export function isScheduler(value: string | null, accepts: Accepts): value is string {
  return value !== null && accepts.schedulers.includes(value);
}

/** Whether the value is valid; an option that the base does not support must be absent. */
export function isOption(
  name: OptionName,
  value: number | null | undefined,
  accepts: Accepts,
): boolean {
  const { bounds, isWhole, isNeeded } = optionNamed(name);
  const allowed = bounds(accepts);
  if (value == null) return allowed === null || !isNeeded(accepts);
  if (allowed === null) return false;
  return value >= allowed.min && value <= allowed.max && (!isWhole || Number.isInteger(value));
}
