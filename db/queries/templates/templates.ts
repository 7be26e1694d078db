import { and, desc, eq, type SQL } from "drizzle-orm";
import type { Db } from "../../client";
import { type Template, templates } from "../../schema/templates";
import { isOlder, type Page, type TimePlace } from "../page";
import { containsWords } from "../photos/contains-words";

export type TemplateFilter = {
  favorite: boolean | null;
  category: string | null;
  /** Words to find in name, description, category and prompt. */
  q: string | null;
};

function templatesWhere({ favorite, category, q }: TemplateFilter): SQL | undefined {
  return and(
    favorite === null ? undefined : eq(templates.isFavorite, favorite),
    category === null ? undefined : eq(templates.category, category),
    containsWords(q, [
      templates.name,
      templates.description,
      templates.category,
      templates.promptText,
    ]),
  );
}

/** Templates, newest first. */
export async function listTemplates(
  db: Db,
  params: { filter: TemplateFilter; after: TimePlace | null } & Page,
): Promise<Template[]> {
  return db
    .select()
    .from(templates)
    .where(
      and(
        templatesWhere(params.filter),
        isOlder({ at: templates.createdAt, id: templates.id }, params.after),
      ),
    )
    .orderBy(desc(templates.createdAt), desc(templates.id))
    .limit(params.limit)
    .offset(params.offset);
}

export async function countTemplates(db: Db, filter: TemplateFilter): Promise<number> {
  return db.$count(templates, templatesWhere(filter));
}

/** undefined when the template does not exist. */
export async function findTemplate(db: Db, id: string): Promise<Template | undefined> {
  const [row] = await db.select().from(templates).where(eq(templates.id, id));
  return row;
}

export type TemplateFields = Pick<
  Template,
  "name" | "description" | "promptText" | "negativePrompt" | "category" | "isFavorite"
>;

/** Inserts a template; does nothing when the id exists already. */
export async function insertTemplate(
  db: Db,
  template: { id: string } & TemplateFields,
): Promise<void> {
  await db.insert(templates).values(template).onConflictDoNothing({ target: templates.id });
}

/** Updates the given fields; undefined when the template does not exist. */
export async function updateTemplate(
  db: Db,
  params: { id: string; change: Partial<TemplateFields>; now: Date },
): Promise<Template | undefined> {
  const [row] = await db
    .update(templates)
    .set({ ...params.change, updatedAt: params.now })
    .where(eq(templates.id, params.id))
    .returning();
  return row;
}

/** False when it did not exist. */
export async function deleteTemplate(db: Db, id: string): Promise<boolean> {
  const gone = await db
    .delete(templates)
    .where(eq(templates.id, id))
    .returning({ id: templates.id });
  return gone.length === 1;
}
