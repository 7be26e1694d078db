import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { startApiProcess } from "#tests/support/api-process";
import { startBrowser } from "#tests/support/browser";
import { insertModel, insertPhoto } from "#tests/support/rows";

const token = "a-token-of-the-owner";

let api: Awaited<ReturnType<typeof startApiProcess>>;
let browser: Awaited<ReturnType<typeof startBrowser>>;

beforeAll(async () => {
  api = await startApiProcess({ API_TOKEN: token });
  browser = await startBrowser(api.url);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await api?.stop();
});

test("Swagger UI loads from this server alone, accepts the token and executes a request", async () => {
  await browser.visit(async (page) => {
    await page.goto("/docs");
    const path = page.locator('[data-path="/api/v1/albums"]');
    const operation = page.locator(".opblock-get").filter({ has: path });
    await operation.locator("button").first().click();
    await operation.getByRole("button", { name: "Try it out" }).click();
    const execute = operation.getByRole("button", { name: "Execute" });
    await execute.click();
    const status = operation.locator(".live-responses-table .response-col_status");
    await status.filter({ hasText: "401" }).waitFor();

    await authorize(page);
    await execute.click();
    await status.filter({ hasText: "200" }).waitFor();
    const body = operation.locator(".live-responses-table .highlight-code").first();
    expect(await body.innerText()).toContain('"items": []');
  });
}, 120_000);

test("the example requests of Swagger UI succeed, and create a new object each time", async () => {
  const { db } = api.database;
  const model = await insertModel(db);
  const photo = await insertPhoto(db);
  await browser.visit(async (page) => {
    await page.goto("/docs");
    await authorize(page);

    const sessions = await open(page, "/api/v1/generation/sessions");
    const [first] = await executeTwice(page, sessions, 201);

    const steps = await open(page, "/api/v1/generation/sessions/{id}/steps");
    await steps.locator('[data-param-name="id"] input').fill(first!.id);
    await edit(steps, (body) => ({
      ...body,
      parameters: { ...body.parameters, model_key: model.key },
    }));
    await executeTwice(page, steps, 202);

    const links = await open(page, "/api/v1/share");
    await edit(links, (body) => ({ ...body, photo_id: photo.id }));
    await executeTwice(page, links, 201);

    const album = await open(page, "/api/v1/albums");
    await executeTwice(page, album, 201);
  });
}, 180_000);

// oxlint-disable-next-line typescript/no-explicit-any -- response bodies as an untyped client reads them
type Json = Record<string, any>;

async function authorize(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Authorize" }).first().click();
  const dialog = page.locator(".dialog-ux");
  await dialog.locator("input").first().fill(token);
  await dialog.getByRole("button", { name: "Apply credentials" }).first().click();
  await dialog.getByRole("button", { name: "Close" }).first().click();
}

/** Opens the POST of a path in "Try it out". */
async function open(page: Page, path: string) {
  const operation = page
    .locator(".opblock-post")
    .filter({ has: page.locator(`[data-path="${path}"]`) });
  await operation.locator("button").first().click();
  await operation.getByRole("button", { name: "Try it out" }).click();
  return operation;
}

type Operation = Awaited<ReturnType<typeof open>>;

async function edit(operation: Operation, change: (body: Json) => Json): Promise<void> {
  const field = operation.locator("textarea.body-param__text");
  await field.fill(JSON.stringify(change(JSON.parse(await field.inputValue()))));
}

/** Presses Execute twice; returns the created objects. */
async function executeTwice(page: Page, operation: Operation, status: number): Promise<Json[]> {
  const made: Json[] = [];
  for (let time = 1; time <= 2; time += 1) {
    const answered = page.waitForResponse((answer) => answer.request().method() === "POST");
    await operation.getByRole("button", { name: "Execute" }).click();
    const answer = await answered;
    const body = (await answer.json()) as Json;
    expect({ time, status: answer.status(), body }).toEqual({ time, status, body });
    made.push(body);
  }
  expect(made[0]!["id"]).not.toBe(made[1]!["id"]);
  return made;
}
