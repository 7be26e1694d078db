import type { ApiClient } from "#stack/demo/client";
import { chooseModel, runStep } from "#stack/demo/steps";

type Step = { prompt: string; images: string[]; chosen?: number };

/** Generates a session of two steps, the second from the chosen image of the first. @returns a page that draws it */
export async function drawSession(api: ApiClient, baseUrl: string): Promise<string> {
  const { key } = await chooseModel(api);
  const entry = { entry_type: "scratch", title: "The boat" };
  const { id } = await api.call<{ id: string }>("POST", "/generation/sessions", entry);
  const parameters = { model_key: key, batch_size: 4 };
  const first = { prompt: "a sailing boat below the mountains at dusk", parameters };
  const begun = await runStep(api, id, first);
  const chosen = begun.imageIds[1]!;
  await api.call("POST", `/generation/steps/${begun.stepId}/select`, { image_id: chosen });
  const second = { prompt: "the same, in heavy snow", parent_id: begun.stepId, parameters };
  const refined = await runStep(api, id, second);
  return pageOf([
    { prompt: first.prompt, images: await readAll(begun.imageIds), chosen: 1 },
    { prompt: second.prompt, images: await readAll(refined.imageIds) },
  ]);

  // In the page itself: the API refuses its files to pages of others.
  function readAll(ids: string[]): Promise<string[]> {
    return Promise.all(
      ids.map(async (photoId) => {
        const answer = await fetch(`${baseUrl}/api/v1/photos/${photoId}/preview`);
        if (!answer.ok) throw new Error(`the preview answered ${answer.status}`);
        return `data:image/webp;base64,${(await answer.bytes()).toBase64()}`;
      }),
    );
  }
}

function pageOf(steps: Step[]): string {
  return `<!doctype html><style>
    body { margin: 0; padding: 24px; font: 16px/1.4 sans-serif; background: #fff; color: #222; }
    p { margin: 0 0 8px; } p + div { display: flex; gap: 12px; margin-bottom: 20px; }
    img { width: 300px; height: 220px; object-fit: cover; border: 4px solid #fff; border-radius: 8px; }
    img.chosen { border-color: #2563eb; } small { color: #2563eb; }
  </style>${steps.map((step, index) => rowOf(step, index + 1)).join("")}`;
}

function rowOf({ prompt, images, chosen }: Step, number: number): string {
  const row = images.map((source, index) => {
    const mark = index === chosen ? ' class="chosen"' : "";
    return `<img${mark} src="${source}">`;
  });
  const note = chosen === undefined ? "" : " <small>the framed image is selected</small>";
  return `<p><b>Step ${number}:</b> “${prompt}”${note}</p><div>${row.join("")}</div>`;
}
