/** A photo of the album as its tile tells of it. */
export type Tile = {
  /** null: it stands on another page of the album. */
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

/** The photos of an album's page, this one or one that was fetched, in their order. */
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
  /** Whether there is a photo on that side, as far as is known before its page is fetched. */
  hasBeside(index: number, step: -1 | 1): boolean;
  /** The place of the photo beside; fetches the page it stands on where that is another. Undefined: it cannot be had. */
  beside(index: number, step: -1 | 1): Promise<number | undefined>;
};

/** The photos of all pages, of which this one is known from the start and the others when the viewer gets to them. */
export function createAlbum(tiles: Tile[]): Album {
  let known = tiles;
  /** Places are counted from the first photo of the page that was opened, and so may be below zero. */
  let first = 0;
  const urls = { [-1]: turnOf(document, "prev"), [1]: turnOf(document, "next") };
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
    urls[step] = turnOf(page, step === 1 ? "next" : "prev");
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

function turnOf(page: Document, rel: "prev" | "next"): string | null {
  return page.querySelector(`.turns a[rel=${rel}]`)?.getAttribute("href") ?? null;
}
