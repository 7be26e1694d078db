/** A service that can be taken away; two that ask for it at once get one after the other. */
export type Outages<Manner = void> = {
  /** Resolves once the service is away; it comes back by itself after `awayMs`. */
  begin(awayMs: number, manner: Manner): Promise<void>;
  /** Resolves once everything is back. */
  over(): Promise<void>;
};

/** Makes outages of what begins and ends one. */
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
      // Whoever waits for the end hears of a failure; who waits for the beginning must not wait for ever.
      last.catch(isAway.reject);
      await isAway.promise;
    },
    over: () => last,
  };
}
