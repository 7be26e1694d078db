import { expect } from "bun:test";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import { launchChromium } from "#dev/chromium";

/** A window of a visitor of his own: no cookie of another is in it. */
export type Visitor = {
  context: BrowserContext;
  page: Page;
  /** What went wrong on his pages: scripts that failed, what a policy refused, and whatever asked somebody else than us. */
  faults: string[];
};

/**
 * A browser that reaches one server and nothing else. `visit` does its work in a new window and fails when
 * something went wrong on the pages of it.
 */
export async function startBrowser(url: string) {
  const browser: Browser = await launchChromium(process.env);

  async function open(options: BrowserContextOptions): Promise<Visitor> {
    const context = await browser.newContext({ baseURL: url, ...options });
    // A machine with many tests at once is slow, not broken.
    context.setDefaultTimeout(30_000);
    const faults: string[] = [];
    await context.route(
      (asked) => asked.origin !== new URL(url).origin,
      async (route) => {
        faults.push(`asked elsewhere: ${route.request().url()}`);
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
