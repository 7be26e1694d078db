import { afterAll, beforeAll, expect, test } from "bun:test";
import { startApiProcess } from "#tests/support/api-process";
import { startBrowser } from "#tests/support/browser";

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

test("Swagger UI loads from this server alone, takes the token, and executes a request", async () => {
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

    await page.getByRole("button", { name: "Authorize" }).first().click();
    const dialog = page.locator(".dialog-ux");
    await dialog.locator("input").first().fill(token);
    await dialog.getByRole("button", { name: "Apply credentials" }).first().click();
    await dialog.getByRole("button", { name: "Close" }).first().click();
    await execute.click();
    await status.filter({ hasText: "200" }).waitFor();
    const body = operation.locator(".live-responses-table .highlight-code").first();
    expect(await body.innerText()).toContain('"items": []');
  });
}, 120_000);
