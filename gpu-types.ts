/**
 * Ids of RunPod's GPU types with 16 GB and more, as its catalogue had them in November 2026. An id counts as a whole:
 * slices of a GPU are types of their own, whose ids begin alike.
 */
export const gpuTypes: readonly string[] = [
  "NVIDIA RTX A4000",
  "NVIDIA RTX 2000 Ada Generation",
  "NVIDIA RTX A4500",
  "NVIDIA RTX 4000 Ada Generation",
  "NVIDIA RTX A5000",
  "NVIDIA L4",
  "NVIDIA A30",
  "NVIDIA GeForce RTX 3090",
  "NVIDIA GeForce RTX 3090 Ti",
  "NVIDIA GeForce RTX 4090",
  "NVIDIA GeForce RTX 5090",
  "NVIDIA RTX 5000 Ada Generation",
  "NVIDIA RTX PRO 4500 Blackwell",
  "NVIDIA RTX A6000",
  "NVIDIA A40",
  "NVIDIA L40",
  "NVIDIA L40S",
  "NVIDIA RTX 6000 Ada Generation",
  "NVIDIA A100 80GB PCIe",
  "NVIDIA A100-SXM4-80GB",
  "NVIDIA H100 PCIe",
  "NVIDIA H100 80GB HBM3",
  "NVIDIA H100 NVL",
  "NVIDIA H200",
  "NVIDIA B200",
  "NVIDIA RTX PRO 6000 Blackwell Server Edition",
];

/** Names that RunPod's pages show, and whose ids are written in another way. */
const shownNames: Readonly<Record<string, string>> = {
  "A100 PCIe": "NVIDIA A100 80GB PCIe",
  "A100 SXM": "NVIDIA A100-SXM4-80GB",
  "H100 SXM": "NVIDIA H100 80GB HBM3",
  "H200 SXM": "NVIDIA H200",
  "RTX PRO 4500": "NVIDIA RTX PRO 4500 Blackwell",
  "RTX PRO 6000": "NVIDIA RTX PRO 6000 Blackwell Server Edition",
};

const mostSuggestions = 3;

/**
 * The id of the GPU type that people call `name`: makers and families are often left out or mixed up, as in
 * "NVIDIA A5000" for `NVIDIA RTX A5000`.
 * @param known ids that exist
 * @returns when there is none, or more than one, the ids with the nearest names, nearest first
 */
export function findGpuType(
  name: string,
  known: readonly string[] = gpuTypes,
): { gpuType: string } | { nearest: string[] } {
  if (known.includes(name)) return { gpuType: name };
  const key = keyOf(name);
  const shown = Object.entries(shownNames).find(([each]) => keyOf(each) === key)?.[1];
  const matches = known.filter((id) => keyOf(id) === key || id === shown);
  const [only, ...others] = matches;
  if (only !== undefined && others.length === 0) return { gpuType: only };
  const nearest = known
    .map((id) => ({ id, distance: distanceOf(key, keyOf(id)) }))
    .toSorted((a, b) => a.distance - b.distance)
    .slice(0, mostSuggestions)
    .map(({ id }) => id);
  return { nearest };
}

/** The model alone: `a5000` of `NVIDIA RTX A5000`. */
function keyOf(name: string): string {
  return name
    .toLowerCase()
    .replace(/nvidia|geforce|rtx|generation|gpu/g, "")
    .replace(/[^a-z0-9]/g, "");
}

/** Insertions, deletions and replacements (Levenshtein) relative to the longer text; a text within the other is nearer. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of Array.from(a).entries()) {
    const next = [i + 1];
    for (const [j, other] of Array.from(b).entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  const edits = row[b.length] ?? 0;
  const isWithin = a !== "" && (b.includes(a) || a.includes(b));
  return edits / Math.max(a.length, b.length, 1) - (isWithin ? 1 : 0);
}
