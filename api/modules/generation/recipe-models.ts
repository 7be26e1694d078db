import type { Tx } from "#db/client";
import { listAvailableModels } from "#db/queries/models/available-models";
import { resolveModels } from "#db/queries/models/model-lookup";
import type { Model } from "#db/schema/models";
import type { FieldFault } from "#errors";
import type { Json, NamedModel, RecipeInput, RecipeTemplate } from "#recipes/recipe";

/**
 * Adds the models of a recipe to its values, as InvokeAI has them now: those that the request names, else the workflow's
 * own by their weights or name, else the only one that fits.
 * @returns the values, and the models by the id of their input
 */
export async function withModels(
  tx: Tx,
  template: RecipeTemplate,
  values: Readonly<Record<string, Json>>,
  withFault: (fault: FieldFault) => void,
): Promise<{ values: Record<string, Json>; models: ReadonlyMap<string, Model> }> {
  const inputs = template.inputs.filter(({ kind }) => kind === "model");
  const given = inputs.flatMap(({ id }) => (typeof values[id] === "string" ? [values[id]] : []));
  const named = await resolveModels(
    tx,
    given.map((key) => ({ key })),
  );
  const types = [...new Set(inputs.flatMap((input) => typesOf(input)))];
  const available = types.length === 0 ? [] : await listAvailableModels(tx, types);
  const models = new Map<string, Model>();
  for (const input of inputs) {
    const key = values[input.id];
    const path = `inputs.${input.id}`;
    if (typeof key === "string") {
      const model = named.get(key);
      if (model?.isAvailable && fits(input, model)) models.set(input.id, model);
      else withFault({ path, message: `the key of an ${kindOf(input)}` });
      continue;
    }
    const fitting = available.filter((model) => fits(input, model));
    const model = findSame(input, fitting);
    if (model) models.set(input.id, model);
    // An optional model that the workflow names counts: without it the result differs.
    else if (input.isRequired || input.default !== undefined) {
      const wanted = nameOf(input);
      withFault({
        path,
        message: `${wanted === undefined ? "required" : `InvokeAI does not have "${wanted}"; name another one`}: the key of an ${kindOf(input)}`,
      });
    }
  }
  const keys = [...models].map(([id, model]) => [id, model.key]);
  return { values: { ...values, ...Object.fromEntries(keys) }, models };
}

/** What a model has to be; undefined: anything. */
function kindsOf({ modelTypes, modelBases, default: own }: RecipeInput) {
  const known = asNamed(own);
  return {
    types: modelTypes ?? (known && known.type !== "" ? [known.type] : undefined),
    bases: modelBases ?? (known && known.base !== "" ? [known.base] : undefined),
  };
}

function fits(input: RecipeInput, model: Model): boolean {
  const { types, bases } = kindsOf(input);
  return (
    (!types || types.includes(model.type)) &&
    (!bases || bases.includes(model.base) || model.base === "any")
  );
}

/** The workflow's own model, by its weights, else by its name; else the only one that fits, if it wants one. */
function findSame(input: RecipeInput, fitting: readonly Model[]): Model | undefined {
  const own = asNamed(input.default);
  if (own) {
    const same =
      fitting.find(({ hash }) => hash !== "" && hash === own.hash) ??
      fitting.find(
        ({ name, base, type }) => name === own.name && base === own.base && type === own.type,
      );
    if (same) return same;
  }
  const isWanted = input.isRequired || own !== undefined;
  const ofBase = own && own.base !== "" ? fitting.filter(({ base }) => base === own.base) : fitting;
  return isWanted && ofBase.length === 1 ? ofBase[0] : undefined;
}

function typesOf({ modelTypes, default: own }: RecipeInput): string[] {
  return modelTypes ?? [asNamed(own)?.type ?? "main"];
}

/** In words, such as "available model of type main and base sd-1". */
function kindOf(input: RecipeInput): string {
  const { types, bases } = kindsOf(input);
  const kinds = [
    ...(types ? [`type ${types.join(" or ")}`] : []),
    ...(bases ? [`base ${bases.join(" or ")}`] : []),
  ];
  return ["available model", ...(kinds.length > 0 ? [kinds.join(" and ")] : [])].join(" of ");
}

const nameOf = (input: RecipeInput) => asNamed(input.default)?.name.slice(0, 200);

function asNamed(value: Json | undefined): NamedModel | undefined {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as NamedModel) : undefined;
}
