import type { Stage } from "./stage";

/** The length in pixels from which a movement counts as a swipe. */
const farEnough = 48;

/** One finger swipes: sideways turns, down closes. Pinch zoom, and panning a zoomed page, keep working. */
export function onSwipe(
  { dialog, frame }: Pick<Stage, "dialog" | "frame">,
  on: { aside(step: -1 | 1): void; down(): void },
): void {
  let start: { x: number; y: number } | undefined;
  const movedBy = (event: TouchEvent) => {
    const touch = event.changedTouches[0]!;
    return { x: touch.clientX - (start?.x ?? 0), y: touch.clientY - (start?.y ?? 0) };
  };
  const isStill = matchMedia("(prefers-reduced-motion: reduce)");

  dialog.addEventListener(
    "touchstart",
    (event) => {
      const isZoomed = (visualViewport?.scale ?? 1) > 1.01;
      const touch = event.touches[0]!;
      start =
        event.touches.length === 1 && !isZoomed
          ? { x: touch.clientX, y: touch.clientY }
          : undefined;
    },
    { passive: true },
  );
  dialog.addEventListener(
    "touchmove",
    (event) => {
      if (!start || isStill.matches) return;
      const { x, y } = movedBy(event);
      const isAside = Math.abs(x) > Math.abs(y);
      frame.style.transform = isAside ? `translateX(${x}px)` : `translateY(${Math.max(0, y)}px)`;
    },
    { passive: true },
  );
  dialog.addEventListener("touchend", (event) => {
    if (!start) return;
    const { x, y } = movedBy(event);
    start = undefined;
    frame.style.transform = "";
    if (Math.abs(x) > Math.max(farEnough, Math.abs(y))) on.aside(x < 0 ? 1 : -1);
    else if (y > 2 * farEnough) on.down();
  });
  dialog.addEventListener("touchcancel", () => {
    start = undefined;
    frame.style.transform = "";
  });
}
