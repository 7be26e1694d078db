import { expect, test } from "bun:test";
import { isOnHuggingFace, isSameSource, type ModelSource, parseModelSource } from "#model-sources";
import { factsOf } from "#activities/adapters/invokeai/bases";
import { everyMain } from "#tests/support/graph-parts";

const parse = (text: string): ModelSource => {
  const source = parseModelSource(text);
  if (source === undefined) throw new Error(`${text} is no source`);
  return source;
};

test("a repository is named with its variant and a part of it", () => {
  expect(parse("InvokeAI/flux_schnell::transformer/bnb_nf4/flux1.safetensors")).toEqual({
    kind: "repository",
    repository: "InvokeAI/flux_schnell",
    variant: null,
    subfolder: "transformer/bnb_nf4/flux1.safetensors",
  });
  expect(parse("owner/name:fp16:vae")).toMatchObject({ variant: "fp16", subfolder: "vae" });
  expect(parse("owner/name")).toMatchObject({ variant: null, subfolder: null });
});

test("files of the server, addresses with a login and other texts are no sources", () => {
  for (const text of [
    "/srv/models/a.safetensors",
    "../models/a.safetensors",
    "models/../a.safetensors",
    "C:\\models\\a.safetensors",
    "file:///srv/models/a.safetensors",
    "ftp://example.org/a.safetensors",
    "https://name:password@example.org/a.safetensors",
    "https://",
    "owner",
    "owner/name/file",
    "owner/name::../../etc",
    "owner/name::a b",
    "a/b\nc",
    "",
  ]) {
    expect([text, parseModelSource(text)]).toEqual([text, undefined]);
  }
});

test("only Hugging Face's own address over TLS counts as Hugging Face", () => {
  expect(isOnHuggingFace(parse("owner/name"))).toBe(true);
  expect(isOnHuggingFace(parse("https://huggingface.co/owner/name/resolve/main/a"))).toBe(true);
  for (const text of [
    "http://huggingface.co/owner/name",
    "https://huggingface.co:8443/owner/name",
    "https://huggingface.co.example.org/owner/name",
    "https://example.org/huggingface.co",
  ]) {
    expect([text, isOnHuggingFace(parse(text))]).toEqual([text, false]);
  }
});

test("a source without a variant is the same as one with the variant that InvokeAI chose", () => {
  const isSame = (a: string, b: string) => isSameSource(parse(a), parse(b));
  expect(isSame("owner/name", "owner/name:fp16")).toBe(true);
  expect(isSame("owner/name::vae", "owner/name:fp16:vae")).toBe(true);
  expect(isSame("owner/name:fp32", "owner/name:fp16")).toBe(false);
  expect(isSame("owner/name", "owner/name::vae")).toBe(false);
  expect(isSame("https://example.org/a", "https://example.org/a")).toBe(true);
  expect(isSame("https://example.org/a", "owner/name")).toBe(false);
});

test("what a model needs beside it can be installed from its named source", () => {
  const needed = everyMain.flatMap(([, main]) => factsOf(main)!.accepts.companions.flat());
  expect(needed.length).toBeGreaterThan(10);
  for (const { title, source } of needed) {
    expect([title, parseModelSource(source)]).toEqual([title, expect.anything()]);
  }
});
