import { paint } from "#simulators/invokeai/paint";
import { createApiClient } from "./client";
import { type Narrate, showSteps } from "./narrate";
import { chooseModel, type Photo, runStep } from "./steps";

type Stack = {
  baseUrl: string;
  dataDir: string;
  /** The one of `S3_BUCKET`, with its address; undefined without one. */
  bucket?: string | undefined;
  headers: Record<string, string>;
};

/**
 * Demonstrates the gallery through its public API alone.
 * @returns false when a step of the tour failed; the reason is printed
 */
export async function showTour(stack: Stack): Promise<boolean> {
  return showSteps("A tour through the public API:", (narrate) => runTour(stack, narrate));
}

async function runTour(stack: Stack, narrate: Narrate): Promise<void> {
  const { baseUrl, headers } = stack;
  const api = createApiClient(baseUrl, headers);

  const photo = await uploadPainting(api);
  narrate(
    `uploaded a photo painted for this tour: ${photo.width} × ${photo.height}, id ${photo.id}`,
  );

  const model = await chooseModel(api);
  const session = await api.call<{ id: string }>("POST", "/generation/sessions", {
    entry_type: "refinement",
    source_image_id: photo.id,
    title: "A tour of the gallery",
  });
  narrate(`opened a refinement session from it, with the model ${model.name} (${model.base})`);

  const parameters = { model_key: model.key, batch_size: 4, strength: 0.6 };
  narrate("first step, four images, each a workflow that survives a crash:");
  const first = await runStep(api, session.id, {
    prompt: "a mountain lake at dawn, soft mist, warm light",
    parameters,
  });
  const [chosen = ""] = first.imageIds;
  narrate(`four alternatives arrived: ${first.imageIds.join(", ")}`);
  await api.call("POST", `/generation/steps/${first.stepId}/select`, { image_id: chosen });
  narrate(`selected the first one, ${chosen}`);

  narrate("second step, from the selected image:");
  const second = await runStep(api, session.id, {
    prompt: "the same lake at night, stars, a small boat",
    parent_id: first.stepId,
    parameters,
  });
  const [finest = ""] = second.imageIds;
  await api.call("POST", `/generation/steps/${second.stepId}/select`, { image_id: finest });
  narrate(`selected one of its four, ${finest}`);

  const album = await api.call<{ id: string }>("POST", "/albums", { name: "Tour" });
  await api.call("POST", `/albums/${album.id}/photos`, { photo_ids: [chosen, finest] });
  narrate("put the selected images into an album");

  const link = await api.call<{ url: string }>("POST", "/share", {
    album_id: album.id,
    title: "Two lakes",
  });
  await openPage(`${baseUrl}${new URL(link.url).pathname}`);
  narrate("shared the album by a link that anybody with it can open:");
  console.log(`\n     ${link.url}\n`);

  const { workflow_url: runUrl } = await api.call<{ workflow_url?: string }>(
    "GET",
    `/generation/sessions/${session.id}`,
  );
  const { place } = await api.call<{ place: "disk" | "s3" }>("GET", "/storage");
  console.log(`Where to look now:

  this session's run  ${runUrl ?? "no Temporal web UI is known; set TEMPORAL_UI_URL"}
  ${describeFiles(place, stack)}
  Swagger UI          ${baseUrl}/docs
`);
}

/** The line that says where the photos of the tour are. */
export function describeFiles(
  place: "disk" | "s3",
  { dataDir, bucket = "the bucket of S3_BUCKET" }: Pick<Stack, "dataDir" | "bucket">,
): string {
  const folders = "photos/{uploaded,generated,thumbnails}";
  return place === "s3"
    ? `the files in S3     ${folders} in ${bucket}`
    : `the files on disk   ${dataDir}/${folders}`;
}

async function uploadPainting(api: ReturnType<typeof createApiClient>): Promise<Photo> {
  // Each tour has its own seed: equal bytes would be stored as the same photo.
  const seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  const bytes = await paint({
    prompt: "a mountain lake, painted by hand",
    seed,
    width: 768,
    height: 768,
  });
  const form = new FormData();
  const file = new File([new Uint8Array(bytes)], "mountain-lake.png", { type: "image/png" });
  form.append("file", file);
  form.append("title", "Mountain lake");
  return api.call<Photo>("POST", "/photos", form);
}

/** Verifies that the link's page opens. */
async function openPage(url: string): Promise<void> {
  const page = await fetch(url, { signal: AbortSignal.timeout(30_000) });
  if (!page.ok || !(page.headers.get("content-type") ?? "").startsWith("text/html")) {
    throw new Error(`The page of the share link answered ${page.status}.`);
  }
  await page.body?.cancel();
}
