import sharp from "sharp";
import { findSeed, type GraphNode } from "./graph.ts";
import type { Inputs } from "./nodes/definition.ts";
import { addPngText } from "./png-text.ts";
import type { ItemRow } from "./queue.ts";
import type { Session } from "./session.ts";
import type { World } from "./world.ts";

/** Stores a node's picture with metadata and graph inside; answers the node's output. */
export async function saveNodeImage(
  world: World,
  { row, session, node }: { row: ItemRow; session: Session; node: GraphNode },
  png: Buffer,
  inputs: Inputs,
): Promise<Record<string, unknown>> {
  const metadata = inputs.metadata == null ? null : JSON.stringify(inputs.metadata);
  const graph = JSON.stringify(session.graph);
  const { width, height } = await sharp(png).metadata();
  const texts = {
    ...(metadata === null ? {} : { invokeai_metadata: metadata }),
    invokeai_graph: graph,
  };
  const board = inputs.board as { board_id?: string } | null | undefined;
  const isIntermediate = node.is_intermediate === true;
  const image = await world.images.save(addPngText(png, texts), {
    image_origin: "internal",
    image_category: "general",
    width,
    height,
    is_intermediate: Number(isIntermediate),
    session_id: session.id,
    node_id: node.id,
    metadata,
    graph,
    board_id: board?.board_id ?? null,
  });
  if (!isIntermediate) {
    world.journal.generated.push({
      batchId: row.batch_id,
      itemId: row.item_id,
      seed: findSeed(session.graph),
      imageName: image.image_name,
    });
  }
  return { image: { image_name: image.image_name }, width, height };
}
