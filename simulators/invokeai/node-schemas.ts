import { type Field, type FieldType } from "./nodes/fields.ts";
import { findNodeDefinition, nodeTypes } from "./nodes/index.ts";

type Schema = Record<string, unknown>;

const references: Partial<Record<FieldType, string>> = {
  image: "ImageField",
  model: "ModelIdentifierField",
  color: "ColorField",
  board: "BoardField",
  metadata: "MetadataField",
};

/** Fields of a node that the editor does not show. */
const internal: ReadonlySet<string> = new Set(["metadata", "board"]);

/** The main types of models by the name of the field. */
const modelTypes: Readonly<Record<string, string>> = {
  model: "main",
  vae_model: "vae",
  lora: "lora",
  t5_encoder_model: "t5_encoder",
  clip_embed_model: "clip_embed",
};

/** The schemas of all node types and their outputs, as in the real server's description of its API. */
export function describeNodes(): Record<string, Schema> {
  const schemas: Record<string, Schema> = {};
  for (const type of nodeTypes) {
    const { fields, outputs, outputType } = findNodeDefinition(type)!;
    const output = pascalCase(outputType);
    schemas[output] = {
      type: "object",
      class: "output",
      properties: Object.fromEntries(
        [...Object.keys(outputs), "type"].map((name) => [name, { title: name }]),
      ),
    };
    schemas[`${pascalCase(type)}Invocation`] = {
      type: "object",
      class: "invocation",
      title: titleOf(type),
      version: "1.0.0",
      node_pack: "invokeai",
      properties: {
        id: { type: "string", field_kind: "node_attribute" },
        type: { type: "string", const: type, default: type, field_kind: "node_attribute" },
        is_intermediate: { type: "boolean", default: false, field_kind: "node_attribute" },
        use_cache: { type: "boolean", default: true, field_kind: "node_attribute" },
        ...Object.fromEntries(
          Object.entries(fields).map(([name, field]) => [name, describeField(name, field)]),
        ),
      },
      output: { $ref: `#/components/schemas/${output}` },
    };
  }
  return schemas;
}

function describeField(name: string, field: Field): Schema {
  const { ge, gt, le, lt, multipleOf } = field.range ?? {};
  const isRequired = field.default === undefined;
  return {
    ...shapeOf(field),
    title: titleOf(name),
    field_kind: internal.has(name) ? "internal" : "input",
    input: field.input === "connection" ? "connection" : "any",
    orig_required: isRequired,
    default: field.default ?? null,
    ...(field.choices && { enum: field.choices }),
    ...(ge !== undefined && { minimum: ge }),
    ...(gt !== undefined && { exclusiveMinimum: gt }),
    ...(le !== undefined && { maximum: le }),
    ...(lt !== undefined && { exclusiveMaximum: lt }),
    ...(multipleOf !== undefined && { multipleOf }),
    ...(field.type === "model" && { ui_model_type: [modelTypes[name] ?? "main"] }),
  };
}

function shapeOf({ type }: Field): Schema {
  switch (type) {
    case "integer":
    case "string":
    case "boolean":
      return { type };
    case "float":
      return { type: "number" };
    default: {
      const reference = references[type] ?? `${pascalCase(type)}Field`;
      return { anyOf: [{ $ref: `#/components/schemas/${reference}` }, { type: "null" }] };
    }
  }
}

function pascalCase(name: string): string {
  return name
    .split("_")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
}

function titleOf(name: string): string {
  return name.replaceAll("_", " ").replace(/^./, (letter) => letter.toUpperCase());
}
