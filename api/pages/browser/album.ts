/** A photo of the album, as read from its tile. */
export type Tile = {
  /** null: the tile is on another page of the album. */
  link: HTMLAnchorElement | null;
  pageUrl: string;
  previewUrl: string;
  originalUrl: string | null;
  placeholderUrl: string | null;
  alt: string;
  hasDetails: boolean;
  width: number;
  height: number;
};

/** The photos of an album's page, either this document or a fetched one, in their order. */
export function listTiles(page: Document): Tile[] {
  const grid = page.querySelector<HTMLElement>(".grid");
  const links = grid?.querySelectorAll("a") ?? [];
  return [...links].map((link) => {
    const images = link.querySelectorAll("img");
    const picture = images[images.length - 1]!;
    const urlOf = (size: string) => picture.getAttribute("src")!.replace(/thumbnail$/, size);
    return {
      link: page === document ? link : null,
      pageUrl: link.getAttribute("href")!,
      previewUrl: urlOf("preview"),
      originalUrl: grid?.dataset["originals"] === undefined ? null : urlOf("original"),
      placeholderUrl: images.length > 1 ? images[0]!.src : null,
      alt: picture.alt,
      hasDetails: grid?.dataset["details"] !== undefined,
      width: Number(picture.getAttribute("width")),
      height: Number(picture.getAttribute("height")),
    };
  });
}

export type Album = {
  at(index: number): Tile;
  /** Whether there is a next or previous photo, as far as is known before its page is fetched. */
  hasBeside(index: number, step: -1 | 1): boolean;
  /** The index of the next or previous photo; fetches its page if needed. Undefined: there is none, or fetching failed. */
  beside(index: number, step: -1 | 1): Promise<number | undefined>;
};

/** The photos of all pages: this page is known from the start, other pages are fetched when the viewer gets to them. */
export function createAlbum(tiles: Tile[]): Album {
  let known = tiles;
  /** The index of the first known photo. The first photo of the opened page has index 0, so this may be negative. */
  let first = 0;
  const urls = { [-1]: pagerUrl(document, "prev"), [1]: pagerUrl(document, "next") };
  const isKnown = (index: number) => known[index - first] !== undefined;

  async function fetchPage(step: -1 | 1): Promise<void> {
    const url = urls[step];
    if (url === null) return;
    const answer = await fetch(url);
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = listTiles(page);
    known = step === 1 ? [...known, ...found] : [...found, ...known];
    if (step === -1) first -= found.length;
    urls[step] = pagerUrl(page, step === 1 ? "next" : "prev");
  }

  return {
    at: (index) => known[index - first]!,
    hasBeside: (index, step) => isKnown(index + step) || urls[step] !== null,
    async beside(index, step) {
      if (!isKnown(index + step)) await fetchPage(step).catch(() => undefined);
      return isKnown(index + step) ? index + step : undefined;
    },
  };
}

function pagerUrl(page: Document, rel: "prev" | "next"): string | null {
  return page.querySelector(`.pager a[rel=${rel}]`)?.getAttribute("href") ?? null;
}
