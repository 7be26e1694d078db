import type { Json } from "./json";

export const exampleId = "018f6d2c-7b1a-7c3e-9a51-3f2b8c4d5e6f";

const ids = { ids: [exampleId] };
const photoIds = { photo_ids: [exampleId] };
const link = { photo_id: exampleId, allow_download: true };

/**
 * An example body for each operation that takes JSON, for Swagger UI: with required fields only, so that it works
 * unchanged, or after its id or key is replaced with an existing one.
 */
export const bodyExamples: Record<string, Json> = {
  "post /api/v1/albums": { name: "Summer" },
  "patch /api/v1/albums/{id}": { name: "Summer by the sea" },
  "post /api/v1/albums/{id}/photos": photoIds,
  "post /api/v1/albums/{id}/photos/batch": photoIds,
  "delete /api/v1/albums/{id}/photos": photoIds,
  "patch /api/v1/albums/{id}/photos/{photo_id}": { after_photo_id: null },
  "post /api/v1/auth/session": { token: "the value of API_TOKEN" },
  "post /api/v1/backend/mode": { mode: "local" },
  "post /api/v1/generation/grids": {
    axes: [{ field: "parameters.cfg_scale", values: [5, 7, 9] }],
    step: {
      prompt: "a lighthouse at dusk",
      parameters: { model_key: "a key of GET /api/v1/models" },
    },
  },
  "post /api/v1/generation/sessions": { entry_type: "scratch", title: "Lighthouses" },
  "patch /api/v1/generation/sessions/{id}": { status: "completed" },
  "post /api/v1/generation/sessions/{id}/steps": {
    prompt: "a lighthouse at dusk",
    parameters: { model_key: "a key of GET /api/v1/models", batch_size: 1 },
  },
  "patch /api/v1/generation/steps/{id}": { selected_image_id: exampleId },
  "post /api/v1/generation/steps/{id}/select": { image_id: exampleId },
  "post /api/v1/photos/{id}/upscale": { scale: 2 },
  "post /api/v1/photos/batch/upscale": { ...ids, scale: 2 },
  "post /api/v1/models/install": { source: "RunDiffusion/Juggernaut-XL-v9" },
  "post /api/v1/models/{key}/favorite": { is_favorite: true },
  "post /api/v1/photos/batch/delete": ids,
  "post /api/v1/photos/batch/restore": ids,
  "post /api/v1/photos/batch/retry": ids,
  "post /api/v1/photos/batch/tag": { ...ids, tags: ["sea"] },
  "post /api/v1/photos/download": ids,
  "post /api/v1/photos/import": { path: "/srv/pictures/2026" },
  "patch /api/v1/photos/{id}": { title: "Harbour at dusk", tags: ["sea"], rating: 5 },
  "post /api/v1/photos/{id}/variations": { count: 2 },
  "patch /api/v1/settings": { generation: { default_steps: 30, default_scheduler: "euler" } },
  "post /api/v1/recipes": { library_id: "an id of GET /api/v1/recipes/library" },
  "patch /api/v1/recipes/{id}": { name: "Harbours" },
  "post /api/v1/share": link,
  "post /api/v1/share/create": link,
  "patch /api/v1/share/links/{id}": { allow_download: true },
  "post /api/v1/share/{key}/unlock": { password: "the password of the link" },
  "post /api/v1/templates": { name: "Dusk", prompt_text: "a lighthouse at dusk" },
  "patch /api/v1/templates/{id}": { name: "Dusk by the sea" },
  "post /api/v1/wordlists": { name: "weather", entries: ["fog", "{light|heavy} rain"] },
  "patch /api/v1/wordlists/{id}": { entries: ["fog", "snow"] },
};
