/** What a traced run tells the worker. */
export type TraceSinks = {
  trace: {
    ended: (run: { traceparent: string; parent: string; isFault: boolean }) => void;
  };
};
