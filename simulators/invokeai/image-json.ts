import type { ImageRow } from "./images.ts";

/** The ImageDTO; its URLs are relative, without a leading slash. */
export function imageToJson(row: ImageRow): Record<string, unknown> {
  return {
    image_name: row.image_name,
    image_url: `api/v1/images/i/${row.image_name}/full`,
    thumbnail_url: `api/v1/images/i/${row.image_name}/thumbnail`,
    image_origin: row.image_origin,
    image_category: row.image_category,
    width: row.width,
    height: row.height,
    created_at: row.created_at,
    updated_at: row.created_at,
    deleted_at: null,
    is_intermediate: row.is_intermediate === 1,
    session_id: row.session_id,
    node_id: row.node_id,
    starred: row.starred === 1,
    has_workflow: row.graph !== null,
    image_subfolder: "",
    board_id: row.board_id,
  };
}
