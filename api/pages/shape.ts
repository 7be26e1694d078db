/** Between two shapes, as a factor: a picture is stretched by a hundredth at most. */
const step = 1.02;
/** Panoramas and columns beyond 5 to 1 are cut to it. */
const widest = Math.round(Math.log(5) / Math.log(step));

/**
 * The class of the style sheet that says how wide a picture is for its height. A page may hold no styles of its own, and
 * without them its places would only be known when the pictures come.
 */
export function shapeClass(picture: { width: number; height: number }): string {
  const shape = Math.round(Math.log(picture.width / picture.height) / Math.log(step));
  return `r${Math.max(-widest, Math.min(widest, shape))}`;
}

/** Rules for every class that `shapeClass` gives: `--r` is width by height. */
export function shapeRules(): string {
  return Array.from({ length: 2 * widest + 1 }, (_, at) => {
    const shape = at - widest;
    return `.r${shape}{--r:${(step ** shape).toFixed(3)}}`;
  }).join("");
}
