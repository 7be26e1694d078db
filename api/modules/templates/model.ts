import { type Static, t } from "elysia";
import type { TemplateFields } from "#db/queries/templates/templates";
import type { Template } from "#db/schema/templates";
import { type FieldFault, invalid } from "#errors";
import { pageQuery } from "../../lists/lists";
import { tidyTitle } from "../../fields/text";

const uuid = t.String({ format: "uuid" });
const moment = t.String({ format: "date-time" });
const strict = { additionalProperties: false };
const name = t.String({ minLength: 1, maxLength: 100, description: "Trimmed, NFC" });
const prompt = t.String({ minLength: 1, maxLength: 10_000 });
const category = t.String({ minLength: 1, maxLength: 100 });

const optional = {
  description: t.Optional(t.Nullable(t.String({ maxLength: 2_000 }))),
  negative_prompt: t.Optional(t.Nullable(t.String({ maxLength: 10_000 }))),
  category: t.Optional(t.Nullable(category)),
  is_favorite: t.Optional(t.Boolean()),
};

export const templateParams = t.Object({ id: uuid });

export const templateBody = t.Object({ name, prompt_text: prompt, ...optional }, strict);

export const templateChange = t.Object(
  { name: t.Optional(name), prompt_text: t.Optional(prompt), ...optional },
  { ...strict, minProperties: 1 },
);

export const templatesQuery = t.Object({
  ...pageQuery(),
  favorite: t.Optional(t.Boolean()),
  category: t.Optional(category),
  q: t.Optional(
    t.String({
      maxLength: 200,
      description: "Words to find in name, description, category and prompt",
    }),
  ),
});

export const templateSchema = t.Object(
  {
    id: uuid,
    name: t.String(),
    description: t.Optional(t.String()),
    prompt_text: t.String(),
    negative_prompt: t.Optional(t.String()),
    category: t.Optional(t.String()),
    is_favorite: t.Boolean(),
    created_at: moment,
    updated_at: moment,
  },
  { title: "Template" },
);

/**
 * The fields of a body as they are stored; null clears an optional field. Prompts are stored unchanged.
 * @throws AppError validation_error when the name or the prompt is blank
 */
export function toTemplateFields(body: Static<typeof templateChange>): Partial<TemplateFields> {
  const faults: FieldFault[] = [];
  const tidyName = body.name === undefined ? undefined : (tidyTitle(body.name) ?? "");
  if (tidyName === "") faults.push({ path: "name", message: "1 to 100 characters" });
  if (body.prompt_text?.trim() === "") {
    faults.push({ path: "prompt_text", message: "1 to 10000 characters" });
  }
  if (faults.length > 0) throw invalid("A template needs a name and a prompt.", faults);
  const { description, negative_prompt: negativePrompt } = body;
  return {
    ...(tidyName !== undefined && { name: tidyName }),
    ...(body.prompt_text !== undefined && { promptText: body.prompt_text }),
    ...(description !== undefined && { description: tidyTitle(description) }),
    ...(negativePrompt !== undefined && { negativePrompt: negativePrompt || null }),
    ...(body.category !== undefined && { category: tidyTitle(body.category) }),
    ...(body.is_favorite !== undefined && { isFavorite: body.is_favorite }),
  };
}

export function templateToWire(row: Template): Static<typeof templateSchema> {
  return {
    id: row.id,
    name: row.name,
    ...(row.description !== null && { description: row.description }),
    prompt_text: row.promptText,
    ...(row.negativePrompt !== null && { negative_prompt: row.negativePrompt }),
    ...(row.category !== null && { category: row.category }),
    is_favorite: row.isFavorite,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}
