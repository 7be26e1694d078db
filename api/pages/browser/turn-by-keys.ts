const relOf: Record<string, string> = { ArrowLeft: "prev", ArrowRight: "next" };

/** The arrow keys follow the links to the photos beside. */
export function turnByKeys(): void {
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const rel = relOf[event.key];
    if (rel) document.querySelector<HTMLAnchorElement>(`.turns a[rel=${rel}]`)?.click();
  });
}
