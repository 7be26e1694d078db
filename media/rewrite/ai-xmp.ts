/** The facts about how an image was made. */
export type AiOrigin = Readonly<{
  /** Whether a person's own photo or drawing was used as input. */
  isComposite: boolean;
  prompt?: string | undefined;
  negativePrompt?: string | undefined;
  modelName?: string | undefined;
}>;

const sourceTypes = "http://cv.iptc.org/newscodes/digitalsourcetype";
/** Characters that XML 1.0 does not allow, escaped or not. */
// oxlint-disable-next-line no-control-regex -- these are the characters that must not be there
const unspeakable = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;

/**
 * Builds an XMP packet that marks a picture as AI-generated (IPTC Photo Metadata Standard 2025.1: Digital Source Type,
 * AI Prompt Information, AI System Used).
 */
export function aiXmp(origin: AiOrigin): string {
  const type = origin.isComposite
    ? "compositeWithTrainedAlgorithmicMedia"
    : "trainedAlgorithmicMedia";
  const prompts = [
    origin.prompt,
    origin.negativePrompt ? `Negative prompt: ${origin.negativePrompt}` : undefined,
  ].filter((text) => text);
  const properties = {
    DigitalSourceType: `${sourceTypes}/${type}`,
    AISystemUsed: origin.modelName ? `InvokeAI, ${origin.modelName}` : "InvokeAI",
    ...(prompts.length > 0 && { AIPromptInformation: prompts.join("\n") }),
  };
  const elements = Object.entries(properties).map(
    ([name, value]) => `   <Iptc4xmpExt:${name}>${escapeXml(value)}</Iptc4xmpExt:${name}>\n`,
  );
  return `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
${elements.join("")}  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>`;
}

function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(unspeakable, "")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
}
