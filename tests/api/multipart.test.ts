import { describe, expect, test } from "bun:test";
import { boundaryOf, multipartParts } from "#api/http/bodies/multipart";
import { rawForm } from "#tests/support/uploads";

type Read = { name: string; filename: string | undefined; body: string };

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

async function read(
  bytes: Uint8Array,
  size = bytes.length,
  boundary = "test-boundary",
): Promise<Read[]> {
  const parts: Read[] = [];
  for await (const { name, filename, body } of multipartParts(inChunks(bytes, size), boundary)) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    parts.push({ name, filename, body: Buffer.concat(chunks).toString("latin1") });
  }
  return parts;
}

const tricky = "\r\n--test-boundar\r\n--\r\r\n--test-\r\n";
const form = rawForm([
  { headers: ['Content-Disposition: form-data; name="title"'], body: "A title" },
  {
    headers: ['Content-Disposition: form-data; name="file"; filename="a \\"b\\" %22c%22.png"'],
    body: tricky,
  },
  { headers: ["content-disposition: FORM-DATA; name=file; filename=bare.png"], body: "" },
]).body;

const wanted: Read[] = [
  { name: "title", filename: undefined, body: "A title" },
  { name: "file", filename: 'a "b" "c".png', body: tricky },
  { name: "file", filename: "bare.png", body: "" },
];

describe("a form", () => {
  test("is parsed the same however its bytes are split into chunks", async () => {
    for (let size = 1; size <= form.length; size += 1) {
      expect({ size, parts: await read(form, size) }).toEqual({ size, parts: wanted });
    }
  });

  test("that is cut off anywhere is refused", async () => {
    for (let end = 0; end < form.length - 4; end += 1) {
      const error = await read(form.slice(0, end), 7).catch((fault: Error) => fault);
      expect({ end, refused: error instanceof Error }).toEqual({ end, refused: true });
    }
  });

  test("with unread parts is skipped part by part", async () => {
    const names: string[] = [];
    for await (const part of multipartParts(inChunks(form, 5), "test-boundary"))
      names.push(part.name);
    expect(names).toEqual(["title", "file", "file"]);
  });

  test("may have text before its first boundary, and spaces after a boundary", async () => {
    const text = 'hello\r\n--b \t\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--';
    expect(await read(Buffer.from(text), 3, "b")).toMatchObject([{ name: "x", body: "1" }]);
  });

  test.each([
    ["a part without a name", "--b\r\nContent-Type: text/plain\r\n\r\n1\r\n--b--"],
    ["headers without end", `--b\r\n${"X: y\r\n".repeat(4_000)}`],
    [
      "garbage after a boundary",
      '--bgarbage\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--',
    ],
  ])("with %s is refused", async (_name, text) => {
    const error = await read(Buffer.from(text), 11, "b").catch((fault: Error) => fault);
    expect(error).toMatchObject({ code: "validation_error" });
  });
});

test("a boundary is read with and without quotes; other content types have none", () => {
  expect(boundaryOf("multipart/form-data; boundary=abc")).toBe("abc");
  expect(boundaryOf('Multipart/Form-Data; charset=utf-8; boundary="a b=c"')).toBe("a b=c");
  expect(boundaryOf("application/json")).toBeUndefined();
  expect(boundaryOf(null)).toBeUndefined();
  expect(() => boundaryOf("multipart/form-data")).toThrow("boundary");
});
