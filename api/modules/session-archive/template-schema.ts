import { t } from "elysia";
import { maxListLength } from "#recipes/generators";
import { roles } from "#recipes/recipe";
import { oneOf } from "../../fields/one-of";

const strict = { additionalProperties: false };
/** As a conversion names them: other names mean something in our graphs. */
const node = t.String({ pattern: "^(n[1-9]\\d{0,3}|out(_[1-9]\\d{0,3})?)$" });
const field = t.String({ pattern: "^[A-Za-z0-9_]{1,100}$" });
const end = t.Tuple([node, field]);
const number = t.Optional(t.Number());
const texts = t.Optional(t.Array(t.String({ maxLength: 200 }), { maxItems: 100 }));

const input = t.Object(
  {
    id: t.String({ pattern: "^(n[1-9]\\d{0,3}|out(_[1-9]\\d{0,3})?)\\.[A-Za-z0-9_]{1,100}$" }),
    label: t.String({ maxLength: 200 }),
    kind: oneOf(["string", "integer", "number", "boolean", "choice", "model", "image", "color"]),
    list: t.Optional(
      t.Object(
        {
          group: t.Nullable(t.String({ maxLength: 100 })),
          drawn: t.Optional(
            t.Object(
              {
                isWhole: t.Boolean(),
                min: t.Number(),
                max: t.Number(),
                count: t.Integer({ minimum: 1, maximum: maxListLength }),
              },
              strict,
            ),
          ),
        },
        strict,
      ),
    ),
    role: t.Nullable(oneOf(roles)),
    isRequired: t.Boolean(),
    default: t.Optional(t.Any()),
    min: number,
    max: number,
    above: number,
    below: number,
    multipleOf: number,
    choices: t.Optional(t.Array(t.Union([t.String(), t.Number()]), { maxItems: 500 })),
    modelTypes: texts,
    modelBases: texts,
  },
  strict,
);

/** A converted workflow in an archive. What its nodes may do is checked whenever it is to run. */
export const templateSchema = t.Object(
  {
    nodes: t.Record(
      node,
      t.Object(
        {
          type: t.String({ minLength: 1, maxLength: 200 }),
          useCache: t.Optional(t.Literal(false)),
          literals: t.Record(t.String({ maxLength: 100 }), t.Any()),
        },
        strict,
      ),
      { maxProperties: 500 },
    ),
    edges: t.Array(t.Object({ from: end, to: end }, strict), { maxItems: 2_000 }),
    outputs: t.Array(t.String({ pattern: "^out(_[1-9]\\d{0,3})?$" }), {
      minItems: 1,
      maxItems: 100,
    }),
    isOpenEnded: t.Boolean(),
    seeds: t.Array(end, { maxItems: 500 }),
    inputs: t.Array(input, { maxItems: 1_000 }),
    warnings: t.Array(t.String({ maxLength: 1_000 }), { maxItems: 1_000 }),
  },
  strict,
);
