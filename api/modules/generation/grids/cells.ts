import { type Static } from "elysia";
import { Value } from "@sinclair/typebox/value";
import type { GridAxis } from "#db/schema/grids";
import { type FieldFault, invalid } from "#errors";
import { fieldFaults } from "../../../fields/field-faults";
import { cellBody, type gridBody, valuesAt } from "./model";

export type Cell = Static<typeof cellBody>;

export const refused = "The grid cannot be requested; see details.errors.";
const maxFaults = 20;

/**
 * The steps of a grid, row by row.
 * @throws AppError validation_error that lists the faults
 */
export function planCells(
  { axes, step }: Pick<Static<typeof gridBody>, "axes" | "step">,
  limits: { maxCells: number; randomSeed: number },
): { cells: Cell[]; columns: number } {
  const columns = axes[0]!.values.length;
  const amount = axes.reduce((product, { values }) => product * values.length, 1);
  const faults: FieldFault[] = [];
  if (amount > limits.maxCells) {
    faults.push({ path: "axes", message: `at most ${limits.maxCells} cells; these are ${amount}` });
  }
  if (axes[0]!.field === axes[1]?.field) {
    faults.push({ path: "axes.1.field", message: "not the field of the first axis" });
  }
  for (const [at, { values }] of axes.entries()) {
    const texts = values.map((value) => JSON.stringify(value));
    const twice = texts.findIndex((text, index) => texts.indexOf(text) !== index);
    if (twice !== -1) faults.push({ path: `axes.${at}.values.${twice}`, message: "appears twice" });
  }
  if (faults.length > 0) throw invalid(refused, faults);

  const seed = limits.randomSeed;
  const isOfRecipe =
    step.recipe_id !== undefined || axes.some(({ field }) => field === "recipe_id");
  const common = isOfRecipe
    ? step
    : { ...step, parameters: { seed, batch_size: 1, ...step.parameters } };
  const cells = Array.from({ length: amount }, (_, at) => {
    const cell: unknown = structuredClone(common);
    for (const [index, value] of valuesAt({ axes, columns }, at).entries()) {
      const { field } = axes[index]!;
      if (place(cell, field, value)) continue;
      throw invalid(refused, [
        { path: `axes.${index}.field`, message: `not a field of a step: ${field}` },
      ]);
    }
    return cell;
  });
  throwFaults(
    axes,
    columns,
    cells.map((cell) => [...fieldFaults(Value.Errors(cellBody, cell))]),
  );
  return { cells: cells as Cell[], columns };
}

/** Sets a field by its path, and makes the objects that it needs; false where there is no such place. */
function place(target: unknown, field: string, value: unknown): boolean {
  const names = namesOf(field);
  const last = names.pop()!;
  let at = target as Record<string, unknown>;
  for (const name of names) {
    if (!hasPlace(at, name)) return false;
    const inner = Object.hasOwn(at, name) ? at[name] : (at[name] = {});
    if (typeof inner !== "object" || inner === null) return false;
    at = inner as Record<string, unknown>;
  }
  if (!hasPlace(at, last)) return false;
  at[last] = value;
  return true;
}

/** The id of a recipe's input has a point itself. */
function namesOf(field: string): string[] {
  const [first = "", ...rest] = field.split(".");
  return first === "inputs" && rest.length > 0 ? [first, rest.join(".")] : [first, ...rest];
}

/** A list has places for its entries only: not for its length, and none behind its end. */
function hasPlace(at: object, name: string): boolean {
  return !Array.isArray(at) || (/^\d+$/.test(name) && Object.hasOwn(at, name));
}

/**
 * Throws if a cell has a fault. One that all cells have is reported once, below `step`; the others with the values of
 * their cell.
 */
export function throwFaults(
  axes: readonly GridAxis[],
  columns: number,
  faultsOfCells: readonly FieldFault[][],
): void {
  const listed: FieldFault[] = [];
  const isIn = (fault: FieldFault) => (other: FieldFault) =>
    other.path === fault.path && other.message === fault.message;
  const [first = [], ...rest] = faultsOfCells;
  const common = first.filter((fault) => rest.every((cell) => cell.some(isIn(fault))));
  for (const { path, message } of common) listed.push({ path: below("step", path), message });
  for (const [at, faults] of faultsOfCells.entries()) {
    for (const fault of faults.filter((given) => !common.some(isIn(given)))) {
      const values = valuesAt({ axes: [...axes], columns }, at).map(
        (value, index) => `${axes[index]!.field} = ${describeValue(value)}`,
      );
      const message = `with ${values.join(", ")}: ${fault.message}`;
      listed.push({ path: below(`cells.${at}`, fault.path), message });
    }
    if (listed.length >= maxFaults) break;
  }
  if (listed.length > 0) throw invalid(refused, listed.slice(0, maxFaults));
}

const below = (place: string, path: string) => (path === "" ? place : `${place}.${path}`);

/** A value of an axis in a few words. */
export function describeValue(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const characters = Array.from(text);
  return characters.length > 80 ? `${characters.slice(0, 79).join("")}…` : text;
}
