/** Sidecars by extension: metadata of a picture, or how it was developed. */
const endings = new Set([
  "xmp",
  "json",
  "aae",
  "thm",
  "pp3",
  "arp",
  "dop",
  "vrd",
  "on1",
  "cos",
  "yml",
]);
/** Captions for training models; they count only next to a picture of the same name. */
const captionEndings = new Set(["txt", "caption"]);
/** Google appends it to the picture's name, and cuts the result at about 46 characters. */
const takeoutSuffix = ".supplemental-metadata";
const takeoutLengths = [46, 45, 47];
const takeoutEdited =
  /-(?:edited|bearbeitet|modifié|editado|modificato|bewerkt|edytowane|redigerad)$/i;

/** The sidecars in a folder, and their pictures. */
export type Sidecars = Readonly<{
  isSidecar(name: string): boolean;
  /** Possible sidecars of a picture, most trusted first. */
  of(picture: string): string[];
}>;

/** Names are compared without case, because programs differ in it. */
export function createSidecars(names: readonly string[]): Sidecars {
  const byName = new Map<string, string>();
  const stems = new Map<string, number>();
  for (const name of names) {
    const low = name.toLowerCase();
    const [stem] = splitName(low);
    stems.set(stem, (stems.get(stem) ?? 0) + 1);
    byName.set(low, name);
  }
  return {
    isSidecar(name) {
      const low = name.toLowerCase();
      const [stem, ending] = splitName(low);
      // AppleDouble: macOS's file attributes, on a disk that cannot store them.
      if (low.startsWith("._")) return true;
      if (endings.has(ending)) return true;
      return captionEndings.has(ending) && (byName.has(stem) || (stems.get(stem) ?? 0) > 1);
    },
    of(picture) {
      const low = picture.toLowerCase();
      const [stem] = splitName(low);
      const wanted = [`${low}.xmp`, `${stem}.xmp`, ...takeoutNames(low)];
      return [...new Set(wanted.flatMap((name) => byName.get(name) ?? []))];
    },
  };
}

/** Google's JSON names for a picture; the one for `a(1).jpg` is `a.jpg(1).json`. */
function takeoutNames(picture: string): string[] {
  const [stem, ending] = splitName(picture);
  const dot = ending === "" ? "" : `.${ending}`;
  const [, plain = stem, number = ""] = /^(.*)(\(\d+\))$/s.exec(stem) ?? [];
  const unedited = plain.replace(takeoutEdited, "");
  const asked = [
    { name: picture, number: "" },
    ...(number === "" ? [] : [{ name: plain + dot, number }]),
    ...(unedited === plain ? [] : [{ name: unedited + dot, number }]),
  ];
  return [
    ...asked.flatMap((one) => cutNames(one.name).map((name) => `${name}${one.number}.json`)),
    ...asked.flatMap((one) => suffixed(one.name).map((name) => `${name}${one.number}.json`)),
    `${stem}.json`,
  ];
}

function cutNames(picture: string): string[] {
  const cut = takeoutLengths.filter((length) => picture.length > length);
  return [picture, ...cut.map((length) => picture.slice(0, length))];
}

function suffixed(picture: string): string[] {
  return Array.from(
    takeoutSuffix,
    (_, at) => picture + takeoutSuffix.slice(0, at + 1),
  ).toReversed();
}

/** Splits `a.b.jpg` into `a.b` and `jpg`. */
function splitName(name: string): [stem: string, ending: string] {
  const dot = name.lastIndexOf(".");
  return dot <= 0 ? [name, ""] : [name.slice(0, dot), name.slice(dot + 1)];
}
