import { expect } from "bun:test";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { launchChromium } from "#dev/chromium";

/** A browser context per visitor: cookies are not shared. */
export type Visitor = {
  context: BrowserContext;
  page: Page;
  /** Script errors, violations of the content security policy, and requests to other servers. */
  faults: string[];
};

/**
 * A browser that can reach one server only. `visit` runs `work` in a new context and fails when the context has
 * recorded faults.
 */
export async function startBrowser(url: string) {
  const browser: Browser = await launchChromium(process.env);

  async function open(options: BrowserContextOptions): Promise<Visitor> {
    const context = await browser.newContext({ baseURL: url, ...options });
    // Long enough for a busy machine.
    context.setDefaultTimeout(30_000);
    const faults: string[] = [];
    await context.route(
      (asked) => asked.origin !== new URL(url).origin,
      async (route) => {
        faults.push(`request to another server: ${route.request().url()}`);
        await route.abort();
      },
    );
    const page = await context.newPage();
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => {
      if (message.text().includes("Content Security Policy")) faults.push(message.text());
    });
    return { context, page, faults };
  }

  return {
    async visit(
      work: (page: Page, visitor: Visitor) => Promise<void>,
      options: BrowserContextOptions = {},
    ): Promise<void> {
      const visitor = await open(options);
      try {
        await work(visitor.page, visitor);
        expect(visitor.faults).toEqual([]);
      } finally {
        await visitor.context.close();
      }
    },
    close: () => browser.close(),
  };
}
