import type { BrowserContextOptions, Page } from "playwright-core";

/** One picture in the documents: its window size, and the actions before it is taken. */
export type Shot = {
  name: string;
  window: BrowserContextOptions;
  act?: (page: Page) => Promise<void>;
};

const desk = { viewport: { width: 1280, height: 860 } };
const phone = {
  viewport: { width: 390, height: 780 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
};

/** Opens a photo over the album, and waits until it has loaded. */
const open = (number: number) => async (page: Page) => {
  await page
    .locator(".grid a")
    .nth(number - 1)
    .click();
  await page.locator("dialog .frame img:not(.coming)").last().waitFor();
  await page.waitForLoadState("networkidle");
};

export const shots: readonly Shot[] = [
  { name: "share-light", window: desk },
  { name: "share-dark", window: { ...desk, colorScheme: "dark" } },
  { name: "share-viewer", window: desk, act: open(10) },
  { name: "share-phone", window: phone },
];
