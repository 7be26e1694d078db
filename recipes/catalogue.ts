/** `images`: a list of pictures. `other`: set only by connections or by the workflow itself. */
export type FieldKind =
  | "string"
  | "integer"
  | "number"
  | "boolean"
  | "choice"
  | "model"
  | "image"
  | "images"
  | "color"
  | "other";

/** Which values a field of a node, or an input of a recipe, takes. */
export type Bounds = {
  min?: number;
  max?: number;
  /** Bounds that are excluded themselves. */
  above?: number;
  below?: number;
  multipleOf?: number;
  choices?: (string | number)[];
  /** For models: what fits. */
  modelTypes?: string[];
  modelBases?: string[];
};

/** An input of a node type. */
export type NodeField = Bounds & {
  kind: FieldKind;
  title: string;
  /** Only a connection can set it. */
  isConnection?: true;
  isRequired?: true;
  /** null is a value of its own. */
  isNullable?: true;
};

/** A node type as one InvokeAI describes it. */
export type NodeType = {
  title: string;
  version: string;
  /** Which extension it belongs to. */
  pack: string;
  /** What its output is: one picture, a list of them, or something else. */
  makes: "image" | "images" | "other";
  outputs: string[];
  fields: Record<string, NodeField>;
  takesMetadata?: true;
  takesBoard?: true;
};

/** The node types of one InvokeAI. */
export type NodeCatalogue = Record<string, NodeType>;

export function findNodeType(catalogue: NodeCatalogue, type: string): NodeType | undefined {
  return Object.hasOwn(catalogue, type) ? catalogue[type] : undefined;
}

export function findField(node: NodeType, field: string): NodeField | undefined {
  return Object.hasOwn(node.fields, field) ? node.fields[field] : undefined;
}
