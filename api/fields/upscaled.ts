import { type Static, t } from "elysia";
import type { Upscaled } from "#generation-parameters";

/** Only in responses: a picture is enlarged by a route of its own. */
export const upscaledFields = {
  upscale: t.Optional(
    t.Object(
      {
        scale: t.Optional(
          t.Number({ description: "Absent for a step whose `pictures` have each their own" }),
        ),
        creativity: t.Optional(
          t.Number({ description: "It was painted again, by the models of these keys" }),
        ),
        main_model_key: t.Optional(t.String()),
        control_model_key: t.Optional(t.String()),
      },
      {
        additionalProperties: false,
        description: "It was enlarged. `width` and `height` are those before.",
      },
    ),
  ),
};

const schema = t.Object(upscaledFields);

export function upscaledToWire({ upscale }: Upscaled): Static<typeof schema> {
  if (!upscale) return {};
  const { scale, creativity, mainModelKey, controlModelKey } = upscale;
  return {
    upscale: {
      ...(scale !== undefined && { scale }),
      ...(creativity !== undefined && { creativity }),
      ...(mainModelKey !== undefined && { main_model_key: mainModelKey }),
      ...(controlModelKey !== undefined && { control_model_key: controlModelKey }),
    },
  };
}
