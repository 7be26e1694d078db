const relOf: Record<string, string> = { ArrowLeft: "prev", ArrowRight: "next" };

/** Makes the arrow keys follow the links to the next and previous photo. */
export function turnByKeys(): void {
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const rel = relOf[event.key];
    if (rel) document.querySelector<HTMLAnchorElement>(`.pager a[rel=${rel}]`)?.click();
  });
}
