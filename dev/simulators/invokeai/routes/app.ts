import { json } from "../answers.ts";
import { schedulers } from "../nodes/schedulers.ts";
import type { Handlers } from "../router.ts";

/** Version, single-user auth status and the part of the OpenAPI document that a client reads. */
export const appHandlers: Handlers = {
  version: () => json({ version: "6.14.2" }),

  authStatus: () =>
    json({
      setup_required: false,
      multiuser_enabled: false,
      strict_password_checking: false,
      admin_email: null,
    }),

  openapi: () =>
    json({
      openapi: "3.1.0",
      info: { title: "Invoke - Community Edition", version: "1.0.0" },
      paths: {},
      components: {
        schemas: {
          DenoiseLatentsInvocation: {
            type: "object",
            properties: {
              scheduler: { type: "string", enum: schedulers, default: "euler", title: "Scheduler" },
            },
          },
        },
      },
    }),
};
