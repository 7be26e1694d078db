import type { Tile } from "./album";

export type Stage = {
  dialog: HTMLDialogElement;
  /** The element that a swipe moves. */
  frame: HTMLElement;
  isOpen(): boolean;
  show(tile: Tile, beside: { hasEarlier: boolean; hasFurther: boolean }): void;
  close(): void;
};

/** The elements of the viewer: the picture, its caption and the buttons. */
export function createStage(on: { turn(step: -1 | 1): void; close(): void }): Stage {
  const dialog = element("dialog", { className: "viewer", ariaLabel: "Photo" });
  const frame = element("div", { className: "frame" });
  const placeholder = element("img", { alt: "", ariaHidden: "true" });
  const fault = element("p", { className: "fault", role: "alert" });
  const close = button("×", "Close", () => on.close());
  const earlier = button("‹", "Earlier photo", () => on.turn(-1));
  const further = button("›", "Further photo", () => on.turn(1));
  const caption = element("p", { ariaLive: "polite" });
  const page = element("a", { textContent: "Details" });
  const original = element("a", { textContent: "Download", download: "" });
  const bar = element("div", { className: "bar" });
  let picture = element("img", {});

  bar.append(caption, page, original);
  close.className = "close";
  earlier.className = "earlier";
  further.className = "further";
  frame.append(placeholder, picture);
  dialog.append(close, earlier, frame, fault, further, bar);
  document.body.append(dialog);

  // Escape goes back in the history like any other way to close, so that the address bar is updated.
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    on.close();
  });
  dialog.addEventListener("click", ({ target }) => {
    if (target === dialog || target === frame) on.close();
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Tab") keepInside(dialog, event);
  });

  function showPicture(tile: Tile): void {
    // A new element: the old one would keep showing its picture until the new one is loaded.
    const next = element("img", { alt: tile.alt, className: "coming" });
    next.addEventListener("load", () => next.classList.remove("coming"));
    next.addEventListener("error", () => {
      if (next === picture) fault.textContent = "This photo cannot be shown any more.";
    });
    next.src = tile.previewUrl;
    if (next.complete) next.classList.remove("coming");
    picture.replaceWith(next);
    picture = next;
    placeholder.hidden = tile.placeholderUrl === null;
    if (tile.placeholderUrl !== null) placeholder.src = tile.placeholderUrl;
    // Reserves the photo's space before it is loaded. The page's policy allows styles that are set by script.
    frame.style.setProperty("--w", `${tile.width}`);
    frame.style.setProperty("--h", `${tile.height}`);
    frame.style.transform = "";
  }

  return {
    dialog,
    frame,
    isOpen: () => dialog.open,
    show(tile, beside) {
      fault.textContent = "";
      showPicture(tile);
      caption.textContent = tile.alt;
      page.href = tile.pageUrl;
      page.hidden = !tile.hasDetails;
      original.hidden = tile.originalUrl === null;
      if (tile.originalUrl !== null) original.href = tile.originalUrl;
      // Not `disabled`: a disabled button loses the focus.
      earlier.ariaDisabled = `${!beside.hasEarlier}`;
      further.ariaDisabled = `${!beside.hasFurther}`;
      if (!dialog.open) {
        dialog.showModal();
        (beside.hasFurther ? further : close).focus();
      }
    },
    close: () => dialog.close(),
  };
}

/** Keeps the focus in the viewer: Tab moves from the last control to the first, Shift+Tab back. */
function keepInside(dialog: HTMLElement, event: KeyboardEvent): void {
  const stops = [...dialog.querySelectorAll<HTMLElement>("button, a:not([hidden])")];
  const [from, to] = event.shiftKey ? [stops[0], stops.at(-1)] : [stops.at(-1), stops[0]];
  if (document.activeElement !== from) return;
  event.preventDefault();
  to?.focus();
}

function button(sign: string, name: string, press: () => void): HTMLButtonElement {
  const made = element("button", { type: "button", ariaLabel: name, textContent: sign });
  made.addEventListener("click", press);
  return made;
}

function element<T extends keyof HTMLElementTagNameMap>(
  tag: T,
  properties: Partial<HTMLElementTagNameMap[T]>,
): HTMLElementTagNameMap[T] {
  return Object.assign(document.createElement(tag), properties);
}
