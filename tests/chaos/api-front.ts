import { createGalleryClient } from "#tests/support/gallery";
import type { TestProcess } from "#tests/support/process";
import type { Stack } from "#tests/support/stack";

export type ApiFront = Awaited<ReturnType<typeof startApiFront>>;

/** The API, started again whenever it ends, as by a service manager; each time at another address. */
export async function startApiFront(stack: Stack) {
  let api: (TestProcess & { url: string }) | undefined = await stack.startApi();
  let url = api.url;
  let isStopping = false;

  async function keep(): Promise<void> {
    while (!isStopping) {
      if (!api) {
        await Bun.sleep(300);
        // It does not start without the database.
        api = await stack.startApi().catch(() => undefined);
        if (api) url = api.url;
        continue;
      }
      await api.exited;
      api = undefined;
    }
  }
  const kept = keep();

  return {
    current: () => api,
    client: () => createGalleryClient(url),
    url: () => url,
    async stop(): Promise<void> {
      isStopping = true;
      await api?.kill();
      await kept;
    },
  };
}
