/** If the database does not answer within this time, its metrics are left out. */
const databaseTimeoutMs = 1_000;

/** The answer of a query for metrics; undefined when it fails or is late. */
export async function inTime<T>(query: Promise<T>): Promise<{ value: T } | undefined> {
  return Promise.race([
    query.then(
      (value) => ({ value }),
      () => undefined,
    ),
    Bun.sleep(databaseTimeoutMs).then(() => undefined),
  ]);
}
