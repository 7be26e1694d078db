import type { Json, RecipeTemplate } from "./recipe";
import { maxListValues } from "./values";

/** The nodes that list numbers: the fields that decide how many, with InvokeAI's values where none is set. */
const rangeNodes = new Map<string, Readonly<Record<string, number>>>([
  ["range", { stop: 10, start: 0, step: 1 }],
  ["range_of_size", { size: 1, step: 1 }],
  ["random_range", { size: 1 }],
]);

/** `message` follows the name of the node; `fields` are those that can be set otherwise. */
type RangeFault = { node: string; fields: string[]; message: string };

/**
 * Nodes that would list more numbers than a step may have pictures, as far as that is known before they run.
 * @param values of inputs, by id
 * @param unknown inputs without a known value, by id
 */
export function rangeFaults(
  { nodes, edges, seeds }: Pick<RecipeTemplate, "nodes" | "edges" | "seeds">,
  values: Readonly<Record<string, Json>>,
  unknown: ReadonlySet<string>,
): RangeFault[] {
  const fed = [...edges.map(({ to }) => to), ...seeds].map((target) => target.join("."));
  const isOpen = new Set([...unknown, ...fed]);
  return Object.entries(nodes).flatMap(([node, { type, literals }]): RangeFault[] => {
    const standards = rangeNodes.get(type);
    if (!standards) return [];
    // NaN: unknown. Every comparison with it is false.
    const valueOf = (field: string): number => {
      const id = `${node}.${field}`;
      return isOpen.has(id) ? NaN : Number(values[id] ?? literals[field] ?? standards[field]);
    };
    if (valueOf("step") === 0) {
      return [{ node, fields: ["step"], message: "has a step of 0; set another number" }];
    }
    // As Python's `range`.
    const count =
      type === "range"
        ? Math.ceil((valueOf("stop") - valueOf("start")) / valueOf("step"))
        : valueOf("size");
    if (!(count > maxListValues)) return [];
    const fields = type === "range" ? Object.keys(standards) : ["size"];
    const message = `makes ${count} items with its ${fields.join(", ")}; set them to make at most ${maxListValues}`;
    return [{ node, fields, message }];
  });
}
