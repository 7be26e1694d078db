import type { NodeType } from "./catalogue";
import type { SourceNode, SourceWorkflow } from "./read-workflow";

/** A node of a workflow with what its InvokeAI says about its type. */
export type KnownNode = SourceNode & { about: NodeType };

/** A workflow whose nodes may all run. */
export type CheckedWorkflow = Omit<SourceWorkflow, "nodes"> & {
  nodes: ReadonlyMap<string, KnownNode>;
};
