import { appendFileSync } from "node:fs";
import sharp from "sharp";
import { findSeed, type GraphNode } from "./graph.ts";
import type { Inputs } from "./nodes/definition.ts";
import { addPngText } from "./png-text.ts";
import type { ItemRow } from "./queue.ts";
import type { Session } from "./session.ts";
import type { World } from "./world.ts";

/** Stores a node's picture with embedded metadata and graph; returns the node's output. */
export async function saveNodeImage(
  world: World,
  { row, session, node }: { row: ItemRow; session: Session; node: GraphNode },
  png: Buffer,
  inputs: Inputs,
  reached: (step: "recorded" | "half_written") => Promise<void>,
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
  const record = {
    image_origin: "internal" as const,
    image_category: "general",
    width,
    height,
    is_intermediate: Number(isIntermediate),
    session_id: session.id,
    node_id: node.id,
    metadata,
    graph,
    board_id: board?.board_id ?? null,
  };
  const image = await world.images.save(addPngText(png, texts), record, reached);
  if (!isIntermediate) {
    const entry = {
      batchId: row.batch_id,
      itemId: row.item_id,
      nodeId: session.prepared_source_mapping[node.id] ?? node.id,
      seed: findSeed(session.graph),
      imageName: image.image_name,
    };
    world.journal.generated.push(entry);
    if (world.journalPath !== undefined) {
      appendFileSync(world.journalPath, `${JSON.stringify(entry)}\n`);
    }
  }
  return { image: { image_name: image.image_name }, width, height };
}
