import addFormats from "ajv-formats";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020";
import type { Exchange } from "#simulators/runpod/http";

type Json = Record<string, unknown>;

type Parameter = { name: string; in: string; schema: { type?: string } };

type Operation = {
  parameters?: (Parameter | { $ref: string })[];
  requestBody?: unknown;
  responses: Record<string, { content?: Json; $ref?: string }>;
};

/** Parts of the API that are younger than the published specification. */
const youngerFields = ["/entrypoint", "/cmd", "/gpu/minRamPerGpu", "/gpu/minVcpuCountPerGpu"];
const youngerParameters = new Set(["GET /v2/pods cursor", "GET /v2/pods limit"]);

export type Specification = ReturnType<typeof openSpecification>;

/** Checks requests and answers against an OpenAPI 3.1 document. */
export function openSpecification(document: Json) {
  const ajv = new Ajv2020({ strict: false, allErrors: true, coerceTypes: false });
  addFormats.default(ajv);
  ajv.addSchema(document, "spec");
  const loose = new Ajv2020({ strict: false, coerceTypes: "array" });
  addFormats.default(loose);
  loose.addSchema(document, "spec");
  const paths = Object.keys(document["paths"] as Json).map((path) => ({
    path,
    pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`),
  }));

  function resolve<T>(value: T | { $ref: string }): T {
    if (typeof value !== "object" || value === null || !("$ref" in value)) return value as T;
    const steps = (value.$ref as string).slice(2).split("/").map(unescapePointer);
    return steps.reduce((at: unknown, step) => (at as Json)[step], document) as T;
  }

  function validator(pointer: string[], of: Ajv2020 = ajv): ValidateFunction {
    const $ref = `spec#/${pointer.map(escapePointer).join("/")}`;
    return of.getSchema($ref) ?? of.compile({ $ref });
  }

  function faultsOf(validate: ValidateFunction, value: unknown, where: string): string[] {
    if (validate(value)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `${where}${instancePath}: ${message} ${JSON.stringify(params)}`,
    );
  }

  function checkQuery(
    operation: Operation,
    path: string,
    { method, url }: Exchange["request"],
  ): string[] {
    const known = (operation.parameters ?? []).map((each) => resolve<Parameter>(each));
    return [...url.searchParams].flatMap(([name, text]) => {
      if (youngerParameters.has(`${method} ${path} ${name}`)) return [];
      const parameter = known.find((each) => each.in === "query" && each.name === name);
      if (parameter === undefined) return [`query ${name}: not in the specification`];
      const value = parameter.schema.type === "array" ? text.split(",") : text;
      const schema = inlineRefs(parameter.schema);
      const validate = loose.compile({ type: "object", properties: { value: schema } });
      return faultsOf(validate, { value }, `query ${name}`);
    });
  }

  function checkRequest(
    operation: Operation,
    pointer: string[],
    request: Exchange["request"],
  ): string[] {
    const faults = checkQuery(operation, pointer[1] as string, request);
    if (operation.requestBody === undefined) return faults;
    const place = ["requestBody", "content", "application/json", "schema"];
    const body = JSON.parse(request.body.toString("utf8") || "null") as unknown;
    const validate = validator([...pointer, ...place]);
    return [...faults, ...faultsOf(validate, withoutYounger(body), "request ")];
  }

  function checkAnswer(
    operation: Operation,
    pointer: string[],
    { status, headers, body }: Exchange["answer"],
  ): string[] {
    const key = String(status) in operation.responses ? String(status) : "default";
    const declared = operation.responses[key];
    if (declared === undefined) return [`status ${status}: not in the specification`];
    const { content } = resolve<{ content?: Json }>(declared as { content?: Json });
    const type = headers["content-type"]?.split(";")[0];
    if (content === undefined) return body.length === 0 ? [] : [`status ${status}: has a body`];
    if (type === undefined || !(type in content)) return [`status ${status}: content type ${type}`];
    if (type === "text/event-stream") return [];
    const place =
      declared.$ref === undefined
        ? [...pointer, "responses", key]
        : declared.$ref.slice(2).split("/").map(unescapePointer);
    const validate = validator([...place, "content", type, "schema"]);
    return faultsOf(validate, JSON.parse(body.toString("utf8")), `answer ${status} `);
  }

  return {
    /** What of an exchange breaks the specification; undefined for a path that it does not have. */
    check(
      { request, answer }: Exchange,
      part: "request" | "answer" | "both",
    ): string[] | undefined {
      const found = paths.find(({ pattern }) => pattern.test(request.url.pathname));
      if (found === undefined) return undefined;
      const method = request.method.toLowerCase();
      const pointer = ["paths", found.path, method];
      const operations = (document["paths"] as Json)[found.path] as Record<string, Operation>;
      const operation = operations[method];
      if (operation === undefined) {
        return answer.status === 405 ? [] : [`${request.method}: not in the specification`];
      }
      const faults = part === "request" ? [] : checkAnswer(operation, pointer, answer);
      return part === "answer" ? faults : [...faults, ...checkRequest(operation, pointer, request)];
    },
  };
}

/** `#/…` in a schema on its own refers to the document. */
function inlineRefs(schema: unknown): Json {
  const text = JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"spec#/');
  return JSON.parse(text) as Json;
}

function withoutYounger(body: unknown): unknown {
  if (typeof body !== "object" || body === null) return body;
  const copy = structuredClone(body) as Json;
  for (const field of youngerFields) {
    const steps = field.slice(1).split("/");
    const last = steps.pop() as string;
    const parent = steps.reduce((at: unknown, step) => (at as Json | undefined)?.[step], copy);
    if (typeof parent === "object" && parent !== null) delete (parent as Json)[last];
  }
  return copy;
}

const escapePointer = (step: string) =>
  encodeURIComponent(step.replaceAll("~", "~0").replaceAll("/", "~1"));
const unescapePointer = (step: string) =>
  decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
