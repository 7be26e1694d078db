import { between } from "./random.ts";

/** A scene's colours as CSS strings, from the top of the sky to the nearest ground. */
export type Palette = { sky: string[]; sun: string; glow: string; hills: string[]; accent: string };

// Mood words take precedence over the hash: "a red boat at night" gets night colours.
const moods: { words: RegExp; hue: number; lightness: number }[] = [
  { words: /night|midnight|moon|stars?\b/i, hue: 232, lightness: 0.24 },
  { words: /sunset|dusk|evening|autumn|fire/i, hue: 18, lightness: 0.62 },
  { words: /dawn|sunrise|morning|spring|pink|rose/i, hue: 338, lightness: 0.74 },
  { words: /sea|ocean|lake|boat|harbou?r|beach|blue/i, hue: 202, lightness: 0.7 },
  { words: /forest|wood|jungle|meadow|green|garden/i, hue: 162, lightness: 0.66 },
  { words: /snow|winter|ice|mountain/i, hue: 212, lightness: 0.82 },
  { words: /desert|dune|sand|gold|yellow/i, hue: 40, lightness: 0.74 },
  { words: /violet|purple|lavender/i, hue: 272, lightness: 0.66 },
];

/** A harmonious palette: the prompt determines hue and brightness, `random` the variation. */
export function choosePalette(prompt: string, promptHash: number, random: () => number): Palette {
  const mood = moods.find(({ words }) => words.test(prompt));
  const hue = (mood?.hue ?? promptHash % 360) + between(random, -14, 14);
  const light = (mood?.lightness ?? 0.6 + (promptHash % 17) / 100) + between(random, -0.04, 0.04);
  const warm = hue + between(random, 28, 48);
  const ground = hue + between(random, 150, 200) * (random() < 0.5 ? 1 : -0.35);
  const layers = 5;
  return {
    sky: [
      colour(hue, 0.5, light * 0.72),
      colour(hue + 12, 0.55, light),
      colour(warm, 0.68, Math.min(0.92, light + 0.18)),
    ],
    // Not darker than a moon: a dim sun at night looks like a stain.
    sun: colour(warm + 12, 0.85, Math.min(0.95, Math.max(0.86, light + 0.3))),
    glow: colour(warm, 0.7, Math.min(0.9, light + 0.2)),
    hills: Array.from({ length: layers }, (_, layer) => {
      const near = layer / (layers - 1);
      // Distant hills are blended with the sky, near ones have their own colour.
      return colour(
        hue + (ground - hue) * near * 0.5,
        0.28 + 0.16 * near,
        light * (0.82 - 0.62 * near),
      );
    }),
    accent: colour(hue + 180, 0.62, 0.58),
  };
}

function colour(hue: number, saturation: number, lightness: number): string {
  const wheel = ((hue % 360) + 360) % 360;
  return `hsl(${wheel.toFixed(1)},${(saturation * 100).toFixed(1)}%,${(lightness * 100).toFixed(1)}%)`;
}
