/** What the owner was told of a session, in its column `warned`; budgets by `session` and `month`. */

/** While the provider refuses the key. */
export const keyRefused = "key_refused";
export const endUnconfirmed = "end_unconfirmed";
