import { modelField, text, integer, connection } from "./fields.ts";
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
