/** `main` carries the workflows and their short activities; `images` only work on pixels, so that its slots bound memory. */
export const queues = { main: "gallery-main", images: "gallery-images" } as const;
