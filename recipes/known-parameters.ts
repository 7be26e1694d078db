import type { Json, RecipeTemplate } from "./recipe";
import { singleOf } from "./combinations";

/** What a workflow draws with, as far as its nodes say it by the names that InvokeAI's own nodes use. */
export type KnownParameters = {
  width?: number;
  height?: number;
  steps?: number;
  cfgScale?: number;
  scheduler?: string;
};

/** Reads the first value of each kind; inputs are in `values`, by their ids. */
export function knownParameters(
  template: RecipeTemplate,
  values: Readonly<Record<string, Json>>,
): KnownParameters {
  const ofRole = (role: "width" | "height") => {
    const input = template.inputs.find((candidate) => candidate.role === role);
    return input && singleOf(values[input.id]);
  };
  const find = (...fields: string[]): Json | undefined => {
    for (const [id, { literals }] of Object.entries(template.nodes)) {
      for (const field of fields) {
        const value = singleOf(values[`${id}.${field}`]) ?? literals[field];
        if (value !== undefined && value !== null) return value;
      }
    }
    return undefined;
  };
  const number = (value: Json | undefined) => (typeof value === "number" ? value : undefined);
  const whole = (value: Json | undefined) =>
    Number.isSafeInteger(value) ? (value as number) : undefined;
  const scheduler = find("scheduler");
  const found = {
    width: whole(ofRole("width") ?? find("width")),
    height: whole(ofRole("height") ?? find("height")),
    steps: whole(find("steps", "num_steps")),
    cfgScale: number(find("cfg_scale", "guidance_scale")),
    scheduler: typeof scheduler === "string" ? scheduler : undefined,
  };
  return Object.fromEntries(
    Object.entries(found).filter(([, value]) => value !== undefined),
  ) as KnownParameters;
}
