import { createRequire } from "node:module";
import type { DecodeBudget } from "./decode-budget";
import { sharp } from "./decoder";

/** A cell: its thumbnail, or why it has none; `label`: above it. */
type SheetCell = { picture: Uint8Array | null; note: string; label?: string };

export type Sheet = {
  title: string;
  /** The heads of the columns and rows; empty: none. */
  columns: string[];
  rows: string[];
  /** By row, then by column. */
  cells: SheetCell[][];
};

/** Longer sides would make pictures that few programs open: 250 cells in one row have 12 000 pixels. */
const sideBounds = { cell: 400, smallestCell: 48, picture: 4_000 };
const gap = 8;
const lineHeight = 22;
const margin = 12;
const rowHeadWidth = 180;

// Shipped with the program: a container has no fonts at all.
const fontfile = createRequire(import.meta.url).resolve("dejavu-fonts-ttf/ttf/DejaVuSans.ttf");

/** Draws a contact sheet with its heads, as WebP. A thumbnail that cannot be decoded is shown as missing. */
export async function drawContactSheet(sheet: Sheet, budget: DecodeBudget): Promise<Uint8Array> {
  const columns = Math.max(...sheet.cells.map((row) => row.length));
  const rows = sheet.cells.length;
  const side = Math.max(
    sideBounds.smallestCell,
    Math.min(sideBounds.cell, Math.floor(sideBounds.picture / Math.max(columns, rows))),
  );
  const hasLabels = sheet.cells.some((row) => row.some(({ label }) => label !== undefined));
  const labelHeight = hasLabels ? 2 * lineHeight : 0;
  const left = margin + (sheet.rows.length > 0 ? rowHeadWidth + gap : 0);
  const top = margin + lineHeight + gap + (sheet.columns.length > 0 ? 2 * lineHeight + gap : 0);
  const width = Math.max(left + columns * (side + gap) - gap + margin, 320);
  const height = top + rows * (side + labelHeight + gap) - gap + margin;
  const placeOf = (row: number, column: number) => ({
    left: left + column * (side + gap),
    top: top + row * (side + labelHeight + gap),
  });

  return budget.spend(width * height * 4 + side * side * 4 * rows * columns, async () => {
    const layers: { input: Buffer; left: number; top: number }[] = [];
    const write = async (
      text: string,
      box: { left: number; top: number; width: number; height: number },
    ) => {
      const input = await drawText(text, box);
      if (input) layers.push({ input, left: box.left, top: box.top });
    };
    await write(sheet.title, {
      left: margin,
      top: margin,
      width: width - 2 * margin,
      height: lineHeight,
    });
    for (const [at, head] of sheet.columns.entries()) {
      const box = { left: placeOf(0, at).left, top: top - gap - 2 * lineHeight };
      await write(head, { ...box, width: side, height: 2 * lineHeight });
    }
    for (const [at, head] of sheet.rows.entries()) {
      const box = { left: margin, top: placeOf(at, 0).top };
      await write(head, { ...box, width: rowHeadWidth, height: side });
    }
    for (const [row, cells] of sheet.cells.entries()) {
      for (const [column, cell] of cells.entries()) {
        const place = placeOf(row, column);
        if (cell.label !== undefined) {
          await write(cell.label, { ...place, width: side, height: labelHeight });
        }
        const box = { left: place.left, top: place.top + labelHeight };
        const picture = cell.picture && (await fit(cell.picture, side));
        layers.push({ input: picture ?? (await blank(side)), ...box });
        if (!picture) await write(cell.note, { ...box, width: side, height: side });
      }
    }
    return sharp({ create: { width, height, channels: 3, background: "#ffffff" } })
      .composite(layers)
      .webp({ quality: 85, effort: 1 })
      .toBuffer();
  });
}

async function fit(picture: Uint8Array, side: number): Promise<Buffer | null> {
  try {
    return await sharp(picture)
      .resize({ width: side, height: side, fit: "contain", background: "#eeeeee" })
      .png({ compressionLevel: 1 })
      .toBuffer();
  } catch {
    return null;
  }
}

function blank(side: number): Promise<Buffer> {
  const background = "#eeeeee";
  return sharp({ create: { width: side, height: side, channels: 3, background } })
    .png({ compressionLevel: 1 })
    .toBuffer();
}

/** Text that is cut off where its box ends; null when there is nothing to draw. */
async function drawText(
  text: string,
  box: { width: number; height: number },
): Promise<Buffer | null> {
  const plain = printable(text);
  if (plain === "") return null;
  const { data, info } = await sharp({
    text: {
      text: escapeMarkup(plain),
      font: "DejaVu Sans 12",
      fontfile,
      dpi: 90,
      width: box.width,
      wrap: "word-char",
      rgba: true,
    },
    // Text of one line that is wider than any picture must not fail the sheet.
    limitInputPixels: false,
  })
    .png()
    .toBuffer({ resolveWithObject: true });
  const width = Math.min(info.width, box.width);
  const height = Math.min(info.height, box.height);
  return sharp(data).extract({ left: 0, top: 0, width, height }).png().toBuffer();
}

/** The text is markup of Pango: anything of it would otherwise be read as an instruction. */
function escapeMarkup(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

const maxCharacters = 300;

/** One paragraph without control characters, which Pango refuses. */
function printable(text: string): string {
  const line = text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cs}\p{Co}\p{Cn}\s]+/gu, " ")
    .trim();
  return Array.from(line).slice(0, maxCharacters).join("");
}
