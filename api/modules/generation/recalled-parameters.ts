import { type AskedParameters, completeParameters, type ParameterContext } from "./parameters";

/** Parameters that nobody asks for in so many words: what another picture was made with. */
export type RecalledParameters = Omit<Partial<AskedParameters>, "modelKey" | "modelHash">;

/**
 * A request with what was recalled where it is silent. What the model does not take is left out, and then comes from
 * its defaults; what the request says itself stays, to be refused where it is wrong.
 * @throws AppError as `completeParameters`
 */
export function takeRecalled(
  asked: AskedParameters,
  recalled: RecalledParameters,
  context: ParameterContext,
): AskedParameters {
  const { modelKey } = asked;
  const { faults } = completeParameters({ ...recalled, modelKey }, context);
  const unfit = new Set(faults.map(({ path }) => path.split(".")[1] ?? ""));
  const { width, height, ...others } = recalled;
  const isWrongSize = unfit.has("width") || unfit.has("height");
  const fitting = Object.entries(others).filter(([name]) => !unfit.has(onTheWire(name)));
  return {
    ...Object.fromEntries(fitting),
    ...(!isWrongSize && { width, height }),
    ...withoutSilent(asked),
    modelKey,
  };
}

/** What a request does say, so that it can be laid over something else. */
export function withoutSilent<Fields extends object>(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Fields;
}

/** `cfgScale` as faults call it: `cfg_scale`. */
function onTheWire(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
