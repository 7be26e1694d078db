import { AsyncLocalStorage } from "node:async_hooks";
import type postgres from "postgres";

type Statement = ReturnType<postgres.Sql["unsafe"]>;
type Scope = { signal: AbortSignal; unsent: Set<Statement> };
type Arguments = Parameters<postgres.Sql["unsafe"]>;

/** Does not match names of columns such as `updated_at`. */
const writes = /\b(?:insert|update|delete|merge)\b/i;

const scopes = new AsyncLocalStorage<Scope>();

/**
 * Runs `work`. Once `signal` is aborted, no further statement is sent, a statement that waits for a connection is
 * dropped, and a transaction is rolled back, even after its last statement was answered. A COMMIT that was already sent
 * may still take effect.
 */
export function untilAborted<T>(signal: AbortSignal, work: () => T): T {
  const scope: Scope = { signal, unsent: new Set() };
  signal.addEventListener("abort", () => scope.unsent.forEach(dropUnsent), { once: true });
  return scopes.run(scope, work);
}

/** Wraps a pool so that `untilAborted` can stop its statements. Outside `untilAborted` the pool is unchanged. */
export function abandonable(pool: postgres.Sql): postgres.Sql {
  return new Proxy(pool, {
    get(target, name) {
      const scope = scopes.getStore();
      if (scope && name === "unsafe") return (...args: Arguments) => send(target, args, scope);
      if (scope && name === "begin")
        return guardTransaction(target.begin.bind(target) as Begin, scope);
      return Reflect.get(target, name);
    },
  });
}

function send(pool: postgres.Sql, args: Arguments, scope: Scope) {
  checkNotAborted(scope);
  if (writes.test(args[0])) return inTransaction(pool, args, scope);
  const statement = pool.unsafe(...args);
  // A request sends few statements. Longer work drops the references to statements that were sent.
  if (scope.unsent.size > 32) forgetSent(scope);
  scope.unsent.add(statement);
  return statement;
}

/** Runs a writing statement in its own transaction, so that it can be rolled back while its answer is awaited. */
function inTransaction(pool: postgres.Sql, args: Arguments, scope: Scope) {
  let isOfValues = false;
  let answer: Promise<unknown> | undefined;
  const begin = guardTransaction(pool.begin.bind(pool) as Begin, scope);
  const run = () =>
    (answer ??= begin((tx) => {
      const statement = tx.unsafe(...args);
      return isOfValues ? statement.values() : statement;
    }));
  return {
    values() {
      isOfValues = true;
      return this;
    },
    // oxlint-disable-next-line unicorn/no-thenable -- stands for a statement of the driver, which is sent when awaited
    then: (...handlers: Parameters<Promise<unknown>["then"]>) => run().then(...handlers),
  };
}

type Work = (tx: postgres.TransactionSql) => unknown;
/** `begin` or `savepoint`; options or a name may precede the work. */
type Begin = (...args: [Work] | [string, Work]) => Promise<unknown>;

function guardTransaction(begin: Begin, scope: Scope): Begin {
  return (...args) => {
    checkNotAborted(scope);
    const [named, work] = args.length === 1 ? [undefined, args[0]] : args;
    const guarded: Work = async (tx) => {
      checkNotAborted(scope);
      const result = await work(guardStatements(tx, scope));
      // Thrown here, the driver rolls back.
      checkNotAborted(scope);
      return result;
    };
    return named === undefined ? begin(guarded) : begin(named, guarded);
  };
}

function guardStatements(tx: postgres.TransactionSql, scope: Scope): postgres.TransactionSql {
  return new Proxy(tx, {
    get(target, name) {
      if (name === "savepoint")
        return guardTransaction(target.savepoint.bind(target) as Begin, scope);
      if (name === "unsafe") checkNotAborted(scope);
      return Reflect.get(target, name);
    },
  });
}

/** Throws the code of a lost connection: the client was already answered that the database is unavailable. */
function checkNotAborted({ signal }: Scope): void {
  if (!signal.aborted) return;
  throw Object.assign(new Error("the work was abandoned"), { code: "CONNECTION_DESTROYED" });
}

/** Fields of the driver: `state` is the connection on which a statement was sent, `executed` whether it is awaited. */
type Noted = Statement & { state: unknown; executed: boolean };

function dropUnsent(statement: Statement): void {
  const { state, executed } = statement as Noted;
  if (executed && state === null) statement.cancel();
}

function forgetSent({ unsent }: Scope): void {
  for (const statement of unsent) if ((statement as Noted).state !== null) unsent.delete(statement);
}
