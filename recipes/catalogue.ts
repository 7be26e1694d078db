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

/** An input of a node type. */
export type NodeField = {
  kind: FieldKind;
  title: string;
  /** Only a connection can set it. */
  isConnection?: true;
  isRequired?: true;
  /** null is a value of its own. */
  isNullable?: true;
  min?: number;
  max?: number;
  /** Bounds that are excluded themselves. */
  above?: number;
  below?: number;
  multipleOf?: number;
  choices?: (string | number)[];
  modelTypes?: string[];
  modelBases?: string[];
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
