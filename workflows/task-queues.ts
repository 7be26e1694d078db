/**
 * `images`: only activities that fetch, import or compare images, so that its slots limit memory. `main`: all others,
 * and the workflows.
 */
export const queues = { main: "gallery-main", images: "gallery-images" } as const;
