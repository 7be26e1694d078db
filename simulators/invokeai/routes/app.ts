import { json } from "../answers.ts";
import { describeNodes } from "../node-schemas.ts";
import type { Handlers } from "../router.ts";
import type { World } from "../world.ts";

/** Version, login, and the part of the OpenAPI document that clients read: the node types. */
export function createAppHandlers({ accounts, traits }: World): Handlers {
  return {
    version: () => json({ version: traits.version }),

    authStatus: () =>
      json({
        setup_required: accounts.requiresSetup(),
        multiuser_enabled: accounts.isOn,
        strict_password_checking: false,
        admin_email: null,
      }),

    login: (request) => accounts.logIn(request),
    setup: (request) => accounts.setUp(request),

    openapi: () =>
      json({
        openapi: "3.1.0",
        info: { title: "Invoke - Community Edition", version: "1.0.0" },
        paths: {},
        components: { schemas: describeNodes() },
      }),
  };
}
