import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { FieldKind, NodeCatalogue, NodeField, NodeType } from "#recipes/catalogue";
import { beginningOf } from "#storable-text";
import { parseAnswer } from "./wire";

const Schemas = Type.Object({
  components: Type.Object({ schemas: Type.Record(Type.String(), Type.Unknown()) }),
});
const Ref = Type.Object({ $ref: Type.String() });
const Node = Type.Object({
  class: Type.Literal("invocation"),
  title: Type.Optional(Type.String()),
  version: Type.Optional(Type.String()),
  node_pack: Type.Optional(Type.String()),
  properties: Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown())),
  output: Ref,
});

type Properties = Record<string, unknown>;

const maxChoices = 500;
const maxTitleLength = 200;

/** The node types in InvokeAI's own description of its API; what does not look like one is skipped. */
export function readNodeCatalogue(answer: unknown): NodeCatalogue {
  const { schemas } = parseAnswer(Schemas, answer).components;
  const types: [string, NodeType][] = [];
  for (const schema of Object.values(schemas)) {
    if (!Value.Check(Node, schema)) continue;
    const type = schema.properties["type"]?.["const"];
    if (typeof type !== "string") continue;
    const outputName = nameOf(schema.output.$ref);
    const output = schemas[outputName];
    const fields = Object.entries(schema.properties).flatMap(([name, field]) =>
      field["field_kind"] === "input" ? [[name, readField(name, field)] as const] : [],
    );
    types.push([
      type,
      {
        title: shorten(schema.title ?? type),
        version: (schema.version ?? "").slice(0, 50),
        pack: schema.node_pack ?? "invokeai",
        makes: makes.get(outputName) ?? "other",
        outputs: Object.keys(propertiesOf(output)).filter((name) => name !== "type"),
        fields: Object.fromEntries(fields),
        ...("metadata" in schema.properties && { takesMetadata: true }),
        ...("board" in schema.properties && { takesBoard: true }),
      },
    ]);
  }
  return Object.fromEntries(types);
}

const makes: ReadonlyMap<string, NodeType["makes"]> = new Map([
  ["ImageOutput", "image"],
  ["ImageCollectionOutput", "images"],
]);

function readField(name: string, field: Properties): NodeField {
  const shapes = (Array.isArray(field["anyOf"]) ? field["anyOf"] : [field]).map(asObject);
  const plain = shapes.filter((shape) => shape["type"] !== "null");
  const kind = kindOf(plain);
  const bounds = kind === "integer" || kind === "number" ? boundsOf([field, ...plain]) : {};
  const choices = plain.find((shape) => Array.isArray(shape["enum"]))?.["enum"];
  const { ui_model_type: modelTypes, ui_model_base: modelBases } = field;
  return {
    kind,
    title: shorten(typeof field["title"] === "string" ? field["title"] : name),
    ...(field["input"] === "connection" && { isConnection: true }),
    ...(field["orig_required"] === true && { isRequired: true }),
    ...(plain.length < shapes.length && { isNullable: true }),
    ...bounds,
    ...(kind === "choice" && { choices: (choices as (string | number)[]).slice(0, maxChoices) }),
    ...(isTexts(modelTypes) && { modelTypes }),
    ...(isTexts(modelBases) && { modelBases }),
  };
}

function kindOf(shapes: Properties[]): FieldKind {
  const kinds = new Set(shapes.map(kindOfShape));
  const [only] = kinds;
  if (kinds.size === 1 && only) return only;
  // A number, or a list of numbers: only the number can be set.
  if (kinds.has("number")) return "number";
  if (kinds.has("image")) return "image";
  return "other";
}

function kindOfShape(shape: Properties): FieldKind {
  if (Array.isArray(shape["enum"])) return "choice";
  const ref = shape["$ref"];
  if (typeof ref === "string") return references.get(nameOf(ref)) ?? "other";
  switch (shape["type"]) {
    case "string":
    case "integer":
    case "number":
    case "boolean":
      return shape["type"];
    case "array": {
      const item = asObject(shape["items"])["$ref"];
      return typeof item === "string" && nameOf(item) === "ImageField" ? "images" : "other";
    }
    default:
      return "other";
  }
}

const references: ReadonlyMap<string, FieldKind> = new Map([
  ["ModelIdentifierField", "model"],
  ["ImageField", "image"],
  ["ColorField", "color"],
]);

function boundsOf(shapes: Properties[]) {
  const find = (name: string) => {
    const value = shapes.map((shape) => shape[name]).find((found) => typeof found === "number");
    return value as number | undefined;
  };
  const found = {
    min: find("minimum"),
    max: find("maximum"),
    above: find("exclusiveMinimum"),
    below: find("exclusiveMaximum"),
    multipleOf: find("multipleOf"),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

function propertiesOf(schema: unknown): Properties {
  return asObject(asObject(schema)["properties"]);
}

function asObject(value: unknown): Properties {
  return typeof value === "object" && value !== null ? (value as Properties) : {};
}

const nameOf = (ref: string) => ref.slice(ref.lastIndexOf("/") + 1);
const shorten = (text: string) => beginningOf(text, maxTitleLength);

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((part) => typeof part === "string");
}
