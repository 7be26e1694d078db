import type { RecipeTemplate } from "#recipes/recipe";
import type { ProgressPhase, ProgressSpans } from "../adapters/invokeai/progress";

/** Drawing takes most of the time; the other nodes are short. */
const drawingWeight = 20;
const drawing = /denoise|spandrel|upscale/;

/** The share of each node of a recipe in an item's progress, in an order in which they may run. */
export function recipeSpans(template: RecipeTemplate): ProgressSpans {
  const order = inOrder(template).map((id) => {
    const isDrawing = drawing.test(template.nodes[id]!.type);
    const phase: ProgressPhase = isDrawing
      ? "denoising"
      : template.outputs.includes(id)
        ? "decoding"
        : "preparing";
    return { id, phase, weight: isDrawing ? drawingWeight : 1 };
  });
  const total = order.reduce((sum, { weight }) => sum + weight, 0);
  let from = 0;
  const spans = order.map(({ id, phase, weight }) => {
    const span = { from, to: from + weight / total, phase };
    from = span.to;
    return [id, span] as const;
  });
  return new Map(spans);
}

function inOrder({ nodes, edges }: RecipeTemplate): string[] {
  const order: string[] = [];
  const seen = new Set<string>();
  const visit = (id: string): void => {
    if (seen.has(id)) return;
    seen.add(id);
    for (const { from, to } of edges) if (to[0] === id) visit(from[0]);
    order.push(id);
  };
  for (const id of Object.keys(nodes)) visit(id);
  return order;
}
