import type { GraphNode } from "./graph.ts";

const capacity = 512;

export type NodeCache = ReturnType<typeof createNodeCache>;

/** Outputs by node content: the same node with the same inputs returns the same image name. */
export function createNodeCache() {
  const outputs = new Map<string, Record<string, unknown>>();

  /** All fields except the id are compared. */
  const keyOf = ({ id: _id, ...content }: GraphNode) => JSON.stringify(content);

  return {
    find: (node: GraphNode) => outputs.get(keyOf(node)),
    keep(node: GraphNode, output: Record<string, unknown>): void {
      outputs.set(keyOf(node), output);
      const [oldest] = outputs.keys();
      if (outputs.size > capacity && oldest !== undefined) outputs.delete(oldest);
    },
    /** A deleted image removes the outputs that contain it. */
    dropImage(imageName: string): void {
      for (const [key, output] of outputs) {
        if (JSON.stringify(output).includes(imageName)) outputs.delete(key);
      }
    },
    clear: (): void => outputs.clear(),
  };
}
