/**
 * `main`: the workflows, and activities on rows only; every worker serves it. The others hold what needs one resource, and
 * are served by the workers with the role of the same name: `generation` calls InvokeAI and RunPod; `images` holds pixels,
 * so that its slots limit memory; `housekeeping` reads and writes the whole library.
 */
export const queues = {
  main: "gallery-main",
  generation: "gallery-generation",
  images: "gallery-images",
  housekeeping: "gallery-housekeeping",
} as const;
