import type { Blocks } from "./blocks";
import { plainText } from "./plain-text";

/** Title and keywords of a file, within the limits of a photo's title and tags. */
export type EmbeddedTexts = Readonly<{ title: string | undefined; tags: readonly string[] }>;

const maxTitleLength = 200;
const maxTagLength = 64;
const maxTags = 50;
/** Default descriptions that cameras write into every picture. */
const boilerplate = /^(?:[a-z]+ ){0,3}digital (?:still )?camera$|^sony dsc$|^dcim\b/i;

/**
 * XMP takes precedence over IPTC. Without a title the description is used, except in generated pictures, where it is
 * the prompt. Keywords of both are merged; keywords too long for a tag are left out.
 */
export function embeddedTextsOf({ xmp, iptc }: Blocks, isGenerated: boolean): EmbeddedTexts {
  const titles = [xmp.textsOf("dc:title")[0], iptc.title];
  const descriptions = isGenerated ? [] : [xmp.textsOf("dc:description")[0], iptc.caption];
  const [title] = [...titles, ...descriptions]
    .flatMap((text) => inOneLine(text, maxTitleLength))
    .filter((text) => !boilerplate.test(text));
  const tags = [...xmp.textsOf("dc:subject"), ...iptc.keywords]
    .flatMap((text) => inOneLine(text, maxTagLength + 1))
    .filter((tag) => Array.from(tag).length <= maxTagLength);
  return { title, tags: [...new Set(tags)].slice(0, maxTags) };
}

function inOneLine(text: string | undefined, maxLength: number): string[] {
  const line = plainText(text, maxLength)?.replace(/\s+/g, " ");
  return line === undefined ? [] : [line];
}
