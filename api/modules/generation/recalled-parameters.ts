import { type RequestedParameters, completeParameters, type ParameterContext } from "./parameters";

/** Parameters recalled from a photo, used where the request has none. */
export type RecalledParameters = Omit<Partial<RequestedParameters>, "modelKey" | "modelHash">;

/**
 * Fills in omitted parameters with recalled ones. Recalled values that the model does not accept are dropped, so that its
 * defaults apply. The request's own values stay, even if they are refused later.
 * @throws AppError as `completeParameters`
 */
export function addRecalled(
  requested: RequestedParameters,
  recalled: RecalledParameters,
  context: ParameterContext,
): RequestedParameters {
  const { modelKey } = requested;
  const { faults } = completeParameters({ ...recalled, modelKey }, context);
  const refused = new Set(faults.map(({ path }) => path.split(".")[1] ?? ""));
  const { width, height, ...others } = recalled;
  const isWrongSize = refused.has("width") || refused.has("height");
  const accepted = Object.entries(others).filter(([name]) => !refused.has(toWireName(name)));
  return {
    ...Object.fromEntries(accepted),
    ...(!isWrongSize && { width, height }),
    ...omitUndefined(requested),
    modelKey,
  };
}

/** A copy without undefined fields, so that spreading it does not overwrite other values with undefined. */
export function omitUndefined<Fields extends object>(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Fields;
}

/** Faults name parameters as on the wire: `cfgScale` is `cfg_scale`. */
function toWireName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
