/** The ratio between neighbouring shapes: a picture is stretched by 1 % at most. */
const step = 1.02;
/** Wider or taller pictures than 5 to 1 are cropped to 5 to 1. */
const widest = Math.round(Math.log(5) / Math.log(step));

/**
 * The CSS class for a picture's aspect ratio. The page's policy allows no inline styles, and without the ratio the layout
 * would shift when pictures are loaded.
 */
export function shapeClass(picture: { width: number; height: number }): string {
  const shape = Math.round(Math.log(picture.width / picture.height) / Math.log(step));
  return `r${Math.max(-widest, Math.min(widest, shape))}`;
}

/** CSS rules for all classes of `shapeClass`: `--r` is width divided by height. */
export function shapeRules(): string {
  return Array.from({ length: 2 * widest + 1 }, (_, at) => {
    const shape = at - widest;
    return `.r${shape}{--r:${(step ** shape).toFixed(3)}}`;
  }).join("");
}
