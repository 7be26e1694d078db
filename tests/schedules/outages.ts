/** A service that can be stopped; simultaneous outages run one after the other. */
export type Outages<Manner = void> = {
  /** Resolves once the service is down; it comes back by itself after `awayMs`. */
  begin(awayMs: number, manner: Manner): Promise<void>;
  /** Resolves once the service is up again. */
  over(): Promise<void>;
};

/** Creates outages from functions that begin and end one. */
export function createOutages<Manner = void>(service: {
  begin: (manner: Manner) => Promise<void> | void;
  end: () => Promise<void> | void;
}): Outages<Manner> {
  let last = Promise.resolve();

  return {
    async begin(awayMs, manner) {
      const before = last;
      const isAway = Promise.withResolvers<void>();
      last = (async () => {
        await before;
        await service.begin(manner);
        isAway.resolve();
        await Bun.sleep(awayMs);
        await service.end();
      })();
      // A failure rejects the wait for the end; the wait for the beginning must resolve as well.
      last.catch(isAway.reject);
      await isAway.promise;
    },
    over: () => last,
  };
}
