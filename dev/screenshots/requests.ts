import type { Browser, Page } from "playwright-core";
import sharp, { type Sharp } from "sharp";
import { type ApiClient, createApiClient } from "#stack/demo/client";
import { chooseModel, watchStep } from "#stack/demo/steps";
import type { RunningStack } from "#stack/up";
import { inGallery, keep } from "./gallery";
import { softenInTurn } from "./workflows";

/**
 * `bun dev/screenshots/requests.ts`: requests a step with a mask, one with a reference and one of a recipe in Swagger UI of a
 * gallery of its own, and keeps a picture of each in docs/images/. With INVOKEAI_LOCAL_URL they are drawn there, else by the
 * simulator.
 */
type Recipe = { id: string; inputs: { id: string; list?: object }[] };

const size = { width: 256, height: 256 };

const operation = "postGenerationSessionsByIdSteps";

await inGallery(requestInPage, { INVOKEAI_LOCAL_URL: process.env["INVOKEAI_LOCAL_URL"] });

async function requestInPage({ baseUrl, headers }: RunningStack, browser: Browser): Promise<void> {
  const api = createApiClient(baseUrl, headers);
  await readModels(api);
  const model = await chooseModel(api);
  const parameters = { model_key: model.key, ...size, steps: 4, batch_size: 1, seed: 7 };
  const scene = sharp({ create: { ...size, channels: 3, background: "#7a9cc6" } });
  const box = { width: 96, height: 96, channels: 3 } as const;
  const white = { input: { create: { ...box, background: "#fff" } }, left: 80, top: 80 };
  const black = sharp({ create: { ...size, channels: 3, background: "#000" } });
  const [source, mask] = [
    await upload(api, scene, "lake.png"),
    await upload(api, black.composite([white]), "mask.png"),
  ];
  const { id } = await api.call<{ id: string }>("POST", "/generation/sessions", {
    entry_type: "scratch",
  });
  const recipe = await api.call<Recipe>("POST", "/recipes", { workflow: softenInTurn });
  const list = recipe.inputs.find((input) => input.list)!.id;

  const requests: Record<string, object> = {
    "docs-mask": { prompt: "a small island", source_image_id: source, mask, parameters },
    "docs-reference": {
      prompt: "a harbour at dusk",
      references: [{ image_id: source, role: "control", preprocessor: "canny" }],
      parameters,
    },
    "docs-recipe": { recipe_id: recipe.id, inputs: { [list]: [source, mask] } },
  };
  const window = { viewport: { width: 1_180, height: 1_000 } };
  for (const [name, body] of Object.entries(requests)) {
    const context = await browser.newContext(window);
    const page = await context.newPage();
    await page.goto(`${baseUrl}/docs#/generation/${operation}`);
    const step = await execute(page, id, body);
    await keep(name, await pictureOf(page));
    await context.close();
    await watchStep(api, step);
  }
}

/** Models and types of nodes; a machine that has just started everything may be too busy at first. */
async function readModels(api: ApiClient): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await api.call("POST", "/models/refresh", {});
    } catch (error) {
      if (tries === 20) throw error;
      await Bun.sleep(3_000);
    }
  }
}

async function upload(api: ApiClient, picture: Sharp, filename: string): Promise<string> {
  const form = new FormData();
  form.append("file", new File([new Uint8Array(await picture.png().toBuffer())], filename));
  return (await api.call<{ id: string }>("POST", "/photos", form)).id;
}

/** Requests a step with the form of the operation. @returns its id, as the page shows it */
async function execute(page: Page, sessionId: string, body: object): Promise<string> {
  const block = page.locator(`#operations-generation-${operation}`);
  await block.locator(".try-out__btn").click();
  await block.locator('tr[data-param-name="id"] input').fill(sessionId);
  await block.locator("textarea.body-param__text").fill(JSON.stringify(body, null, 2));
  const answered = page.waitForResponse((response) => response.request().method() === "POST");
  await block.locator(".execute").click();
  const answer = await answered;
  const text = await answer.text();
  if (answer.status() !== 202) throw new Error(text);
  await block.locator(".live-responses-table .response-col_status").first().waitFor();
  return (JSON.parse(text) as { id: string }).id;
}

/** The operation with its answer, without the descriptions of other answers below. */
async function pictureOf(page: Page): Promise<Buffer> {
  await page.addStyleTag({
    content: `.opblock-description-wrapper, .parameters-container, .curl-command, .body-param__example,
      .live-responses-table ~ * { display: none !important; }
      .live-responses-table pre { max-height: 260px !important; }`,
  });
  const png = await page
    .locator(`#operations-generation-${operation}`)
    .screenshot({ animations: "disabled" });
  return sharp(png).extract({ left: 0, top: 0, width: 1_124, height: 840 }).png().toBuffer();
}
