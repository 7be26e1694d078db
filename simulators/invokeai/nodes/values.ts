import { modelField, text, float, integer, connection } from "./fields.ts";
import type { NodeDefinition } from "./definition.ts";

/** Nodes that only hold or collect values. */
export const valueNodes: Record<string, NodeDefinition> = {
  string: {
    fields: { value: text("") },
    outputs: { value: "string" },
    outputType: "string_output",
    run: ({ value }) => ({ value }),
  },
  integer: {
    fields: { value: integer(0) },
    outputs: { value: "integer" },
    outputType: "integer_output",
    run: ({ value }) => ({ value: Number(value) }),
  },
  float: {
    fields: { value: float(0) },
    outputs: { value: "float" },
    outputType: "float_output",
    run: ({ value }) => ({ value: Number(value) }),
  },
  rand_int: {
    fields: { low: integer(0), high: integer(2_147_483_647) },
    outputs: { value: "integer" },
    outputType: "integer_output",
    run: ({ low, high }) => ({
      value: Number(low) + Math.floor(Math.random() * (Number(high) - Number(low))),
    }),
  },
  range: {
    fields: { start: integer(0), stop: integer(10), step: integer(1) },
    outputs: { collection: "collection" },
    outputType: "integer_collection_output",
    run({ start, stop, step }) {
      const collection: number[] = [];
      for (let at = Number(start); at < Number(stop); at += Number(step)) collection.push(at);
      return { collection };
    },
  },
  add: {
    fields: { a: integer(0), b: integer(0) },
    outputs: { value: "integer" },
    outputType: "integer_output",
    run: ({ a, b }) => ({ value: Number(a) + Number(b) }),
  },
  // It runs once for each element; `index` is set when it is prepared.
  iterate: {
    fields: { collection: connection("collection", "optional"), index: integer(0) },
    outputs: { item: "any", index: "integer", total: "integer" },
    outputType: "iterate_output",
    run({ collection, index }) {
      const items = asList(collection);
      return { item: items[Number(index)], index: Number(index), total: items.length };
    },
  },
  collect: {
    fields: {
      item: connection("any", "optional"),
      collection: connection("collection", "optional"),
    },
    outputs: { collection: "collection" },
    outputType: "collect_output",
    run: ({ item, collection }) => ({
      collection: [...asList(collection), ...asList(item)],
    }),
  },
  lora_selector: {
    fields: {
      lora: modelField(),
      weight: { ...integer(undefined), type: "float", default: 0.75, check: undefined },
    },
    outputs: { lora: "lora" },
    outputType: "lora_selector_output",
    run: ({ lora, weight }) => ({ lora: { lora, weight } }),
  },
};

function asList(value: unknown): unknown[] {
  if (value === null || value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
