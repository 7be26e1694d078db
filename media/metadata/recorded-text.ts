import { fromParametersText } from "./a1111";
import { fromComfyPrompt } from "./comfyui";
import { fromDrawThings } from "./draw-things";
import { fromFlatRecord } from "./flat-record";
import type { UncheckedGeneration } from "./generation";
import { type JsonObject, parseObject } from "./json-object";
import { fromNovelAi } from "./novelai";

/** Parses a comment or other free text of any of the known programs. */
export function fromAnyText(text: string | undefined): UncheckedGeneration | undefined {
  if (text === undefined) return undefined;
  const record = parseObject(text);
  return record ? fromAnyObject(record) : (fromGraphText(text) ?? fromParametersText(text));
}

function fromAnyObject(record: JsonObject): UncheckedGeneration | undefined {
  return (
    fromDrawThings(record) ??
    fromNovelAi(record) ??
    fromComfyPrompt(record) ??
    fromFlatRecord(record)
  );
}

/** ComfyUI's graph after a label such as `Prompt:`. */
function fromGraphText(text: string): UncheckedGeneration | undefined {
  const [mark] = /^\s*(?:prompt|workflow)\s*:\s*(?=\{)/i.exec(text.slice(0, 100)) ?? [];
  const record = mark === undefined ? undefined : parseObject(text.slice(mark.length));
  return record && fromComfyPrompt(record);
}
