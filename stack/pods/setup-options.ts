import { Refusal } from "../refusal";

/** What `setup` was told on the command line; what is undefined is asked, or has a default with `--yes`. */
export type SetupOptions = {
  isSure: boolean;
  gpuTypes: string[] | undefined;
  /** `none`, `new`, or the id of a volume. */
  volume: string | undefined;
  volumeGb: number | undefined;
  dataCenter: string | undefined;
  models: string[] | undefined;
  /** Dollars; null: no limit. */
  sessionBudget: number | null | undefined;
  monthBudget: number | null | undefined;
  remote: boolean;
};

/** @throws Refusal */
export function parseBudget(text: string, name: string): number | null {
  if (text === "none") return null;
  const dollars = Number(text.replace(/^\$/, ""));
  if (Number.isFinite(dollars) && dollars > 0 && dollars <= 100_000) return dollars;
  throw new Refusal(`${name}: dollars above 0, or none`);
}

/** @throws Refusal */
export function parseVolumeGb(text: string): number {
  const sizeGb = Number(text);
  if (Number.isInteger(sizeGb) && sizeGb >= 10 && sizeGb <= 4_096) return sizeGb;
  throw new Refusal("--volume-size: a whole number of GB from 10 to 4096");
}
