import { createAlbum, type Tile } from "./album";
import { createStage, type Stage } from "./stage";
import { onSwipe } from "./swipe";

/** The state of a history entry: the index of the photo in the viewer; null: the viewer is closed. */
type Entry = { photo: number } | null;

const steps: Record<string, -1 | 1> = { ArrowLeft: -1, ArrowRight: 1 };

/**
 * Opens the photos of an album in a viewer over it. The address bar shows the URL of the photo's own page, so that it can
 * be reloaded and shared; going back closes the viewer.
 */
export function createViewer(tiles: Tile[]): void {
  const album = createAlbum(tiles);
  const stage = createStage({ turn, close: () => history.back() });
  let shown = 0;

  function show(index: number): void {
    shown = index;
    stage.show(album.at(index), {
      hasEarlier: album.hasBeside(index, -1),
      hasFurther: album.hasBeside(index, 1),
    });
    preload(index);
  }

  /** Preloads the next and previous photo of this page, so that they are shown at once. */
  function preload(index: number): void {
    for (const beside of [index + 1, index - 1]) {
      if (tiles[beside]) new Image().src = tiles[beside].previewUrl;
    }
  }

  async function turn(step: -1 | 1): Promise<void> {
    const from = shown;
    const to = await album.beside(from, step);
    if (to === undefined || !stage.isOpen() || shown !== from) return;
    goTo(to);
  }

  function goTo(index: number): void {
    history.replaceState({ photo: index } satisfies Entry, "", album.at(index).pageUrl);
    show(index);
  }

  for (const [index, { link, pageUrl }] of tiles.entries()) {
    link?.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      history.pushState({ photo: index } satisfies Entry, "", pageUrl);
      show(index);
    });
  }

  window.addEventListener("popstate", (event) => {
    const entry = event.state as Entry;
    if (entry) show(entry.photo);
    else closeAt(stage, album.at(shown), tiles);
  });

  stage.dialog.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const step = steps[event.key];
    if (step) void turn(step);
    else if (event.key === "Home") goTo(0);
    else if (event.key === "End") goTo(tiles.length - 1);
    else return;
    event.preventDefault();
  });
  onSwipe(stage, {
    aside: (step) => void turn(step),
    down: () => history.back(),
  });
}

/** Closes the viewer and focuses the tile of the photo shown last, or the last tile if that is on another page. */
function closeAt(stage: Stage, tile: Tile, tiles: Tile[]): void {
  stage.close();
  const link = tile.link ?? tiles.at(-1)!.link!;
  link.focus({ preventScroll: true });
  link.scrollIntoView({ block: "nearest" });
}
