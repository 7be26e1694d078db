import { choosePalette, type Palette } from "./palette.ts";
import { between, createRandom, hashText } from "./random.ts";

/** The inputs of a scene: equal values give an equal drawing. */
export type SceneInput = {
  prompt: string;
  seed: number;
  /** All other values that must change the picture: model, LoRA, steps. */
  variant?: string;
};

/** Draws a landscape as SVG, in a box of 1000 by 1000 × height/width units. */
export function drawScene(input: SceneInput, width: number, height: number): string {
  const promptHash = hashText(input.prompt);
  const random = createRandom(hashText(`${input.seed}|${promptHash}|${input.variant ?? ""}`));
  const palette = choosePalette(input.prompt, promptHash, random);
  const tall = (1000 * height) / width;
  const horizon = tall * between(random, 0.42, 0.62);
  const hasWater = /sea|ocean|lake|boat|harbou?r|beach|river/i.test(input.prompt) || random() < 0.3;
  const sun = {
    x: between(random, 140, 860),
    y: horizon * between(random, 0.25, 0.95),
    radius: between(random, 45, 105),
  };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 1000 ${tall}" preserveAspectRatio="none">`,
    definitions(palette),
    `<rect width="1000" height="${tall}" fill="url(#sky)"/>`,
    `<circle cx="${sun.x}" cy="${sun.y}" r="${sun.radius * 4}" fill="url(#glow)"/>`,
    `<circle cx="${sun.x}" cy="${sun.y}" r="${sun.radius}" fill="${palette.sun}"/>`,
    clouds(random, horizon),
    hills(random, palette, horizon, tall, hasWater ? 3 : 5),
    hasWater ? water(random, palette, sun.x, horizon + (tall - horizon) * 0.42, tall) : "",
    "</svg>",
  ].join("");
}

function definitions(palette: Palette): string {
  const stops = palette.sky
    .map((shade, index) => `<stop offset="${[0, 45, 100][index]}%" stop-color="${shade}"/>`)
    .join("");
  return `<defs><linearGradient id="sky" x1="0" y1="0" x2="0" y2="0.8">${stops}</linearGradient><radialGradient id="glow"><stop offset="0%" stop-color="${palette.glow}" stop-opacity="0.85"/><stop offset="100%" stop-color="${palette.glow}" stop-opacity="0"/></radialGradient></defs>`;
}

function clouds(random: () => number, horizon: number): string {
  return Array.from({ length: Math.floor(between(random, 2, 7)) }, () => {
    const x = between(random, -100, 1000);
    const y = horizon * between(random, 0.08, 0.7);
    const length = between(random, 120, 380);
    const thickness = between(random, 8, 24);
    const opacity = between(random, 0.12, 0.34).toFixed(2);
    return `<ellipse cx="${x}" cy="${y}" rx="${length / 2}" ry="${thickness}" fill="#fff" fill-opacity="${opacity}"/>`;
  }).join("");
}

function hills(
  random: () => number,
  palette: Palette,
  horizon: number,
  tall: number,
  layers: number,
): string {
  const ruggedness = between(random, 0.4, 1.5);
  return Array.from({ length: layers }, (_, layer) => {
    const base = horizon + ((tall - horizon) * layer * 0.9) / palette.hills.length;
    const swing = tall * (0.11 - 0.014 * layer) * ruggedness;
    const waves = [1, 2.3, 5.1].map((pace) => ({
      pace: pace * between(random, 0.7, 1.3),
      phase: between(random, 0, Math.PI * 2),
      swing: swing / pace,
    }));
    const ridge = Array.from({ length: 41 }, (_, step) => {
      const x = step * 25;
      const rise = waves.reduce(
        (sum, wave) =>
          sum + wave.swing * Math.sin((x / 1000) * Math.PI * 2 * wave.pace + wave.phase),
        0,
      );
      return `${x},${(base - rise * 0.6).toFixed(1)}`;
    });
    return `<polygon points="0,${tall} ${ridge.join(" ")} 1000,${tall}" fill="${palette.hills[layer]}"/>`;
  }).join("");
}

function water(
  random: () => number,
  palette: Palette,
  sunX: number,
  shore: number,
  tall: number,
): string {
  const glints = Array.from({ length: 22 }, () => {
    const depth = random();
    const y = shore + (tall - shore) * depth;
    const length = between(random, 20, 60) * (0.5 + depth * 2);
    const x = sunX + between(random, -60, 60) * (0.4 + depth * 2.4);
    return `<ellipse cx="${x}" cy="${y}" rx="${length / 2}" ry="${2 + depth * 5}" fill="${palette.sun}" fill-opacity="0.45"/>`;
  });
  const sailX = between(random, 200, 800);
  const sailY = shore + (tall - shore) * between(random, 0.12, 0.4);
  const size = between(random, 34, 70);
  const boat = `<path d="M${sailX} ${sailY - size * 1.6}L${sailX + size} ${sailY - 6}H${sailX}Z" fill="#fff" fill-opacity="0.92"/><path d="M${sailX - size} ${sailY}H${sailX + size * 1.2}L${sailX + size * 0.8} ${sailY + size * 0.35}H${sailX - size * 0.7}Z" fill="${palette.accent}"/>`;
  return `<rect y="${shore}" width="1000" height="${tall - shore}" fill="${palette.sky[1]}"/><rect y="${shore}" width="1000" height="${tall - shore}" fill="${palette.hills[3]}" fill-opacity="0.45"/>${glints.join("")}${boat}`;
}
