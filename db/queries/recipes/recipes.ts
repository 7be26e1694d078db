import { and, desc, eq, inArray, isNull, type SQL } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { type Recipe, recipes } from "../../schema/recipes";
import { isOlder, type Page, type TimePlace } from "../page";
import { containsWords } from "../photos/contains-words";

function listed(q: string | null): SQL | undefined {
  return and(isNull(recipes.deletedAt), containsWords(q, [recipes.name, recipes.description]));
}

/** Recipes, newest first. */
export async function listRecipes(
  db: Db,
  params: {
    /** Words to find in name and description; null: all. */
    q: string | null;
    after: TimePlace | null;
  } & Page,
): Promise<Recipe[]> {
  return db
    .select()
    .from(recipes)
    .where(and(listed(params.q), isOlder({ at: recipes.createdAt, id: recipes.id }, params.after)))
    .orderBy(desc(recipes.createdAt), desc(recipes.id))
    .limit(params.limit)
    .offset(params.offset);
}

export async function countRecipes(db: Db, q: string | null): Promise<number> {
  return db.$count(recipes, listed(q));
}

/** undefined when it does not exist or was deleted. */
export async function findRecipe(db: Db | Tx, id: string): Promise<Recipe | undefined> {
  const [row] = await db
    .select()
    .from(recipes)
    .where(and(eq(recipes.id, id), isNull(recipes.deletedAt)));
  return row;
}

/** The same, locked until the transaction ends. */
export async function lockRecipe(tx: Tx, id: string): Promise<Recipe | undefined> {
  const [row] = await tx
    .select()
    .from(recipes)
    .where(and(eq(recipes.id, id), isNull(recipes.deletedAt)))
    .for("update");
  return row;
}

/** These recipes, deleted ones too, which steps may still run. */
export async function findUsedRecipes(db: Db | Tx, ids: string[]): Promise<Recipe[]> {
  return ids.length === 0 ? [] : db.select().from(recipes).where(inArray(recipes.id, ids));
}

/** Inserts a recipe; does nothing when the id exists already. */
export async function insertRecipe(
  db: Db | Tx,
  recipe: typeof recipes.$inferInsert,
): Promise<void> {
  await db.insert(recipes).values(recipe).onConflictDoNothing({ target: recipes.id });
}

/** Changes the given fields; undefined when the recipe does not exist. */
export async function updateRecipe(
  db: Db | Tx,
  params: {
    id: string;
    change: Partial<Pick<Recipe, "name" | "description" | "template">>;
    now: Date;
  },
): Promise<Recipe | undefined> {
  const [row] = await db
    .update(recipes)
    .set({ ...params.change, updatedAt: params.now })
    .where(and(eq(recipes.id, params.id), isNull(recipes.deletedAt)))
    .returning();
  return row;
}

/** Hides a recipe; its steps keep it. False when it did not exist. */
export async function deleteRecipe(db: Db, params: { id: string; now: Date }): Promise<boolean> {
  const gone = await db
    .update(recipes)
    .set({ deletedAt: params.now })
    .where(and(eq(recipes.id, params.id), isNull(recipes.deletedAt)))
    .returning({ id: recipes.id });
  return gone.length === 1;
}
