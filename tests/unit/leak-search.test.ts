import { expect, test } from "bun:test";
import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { findLeaks } from "#tests/support/leaks";

const secret = "Zq4LeakMarker-Prompt";
const number = 918_273_645;

const eachAs = (form: (code: number) => string) =>
  Buffer.from(Array.from(Buffer.from(secret), form).join(""));

const encodings: [string, Buffer][] = [
  ["as it is", Buffer.from(`before ${secret} after`)],
  ["in capitals", Buffer.from(secret.toUpperCase())],
  ["in UTF-16, low byte first", Buffer.from(secret, "utf16le")],
  ["in UTF-16, high byte first", Buffer.from(secret, "utf16le").swap16()],
  ["percent-encoded", eachAs((code) => `%${code.toString(16)}`)],
  ["with entities", eachAs((code) => `&#${code};`)],
  ["escaped in JSON", eachAs((code) => `\\u00${code.toString(16)}`)],
  ["in hex", Buffer.from(Buffer.from(secret).toString("hex"))],
  ...[0, 1, 2].flatMap((offset): [string, Buffer][] => {
    const shifted = Buffer.from(`${"?".repeat(offset)}${secret}??`);
    return [
      [`in base64 at offset ${offset}`, Buffer.from(shifted.toString("base64"))],
      [`in base64url at offset ${offset}`, Buffer.from(shifted.toString("base64url"))],
    ];
  }),
  ["in zlib", Buffer.concat([Buffer.from("iTXt"), deflateSync(secret), Buffer.from("rest")])],
  ["in zlib in gzip", gzipSync(Buffer.concat([Buffer.from("x"), deflateSync(secret)]))],
  ["in an entry of a zip", zipEntry(deflateRawSync(secret))],
];

function zipEntry(data: Buffer): Buffer {
  const head = Buffer.alloc(30);
  head.writeUInt32BE(0x504b0304, 0);
  head.writeUInt16LE(8, 8);
  head.writeUInt16LE(5, 26);
  return Buffer.concat([head, Buffer.from("a.txt"), data, Buffer.from("PK\x01\x02")]);
}

test.each(encodings)("a secret is found %s", (_how, bytes) => {
  expect(findLeaks(bytes, { prompt: secret, other: "Zq4LeakMarker-Other" })).toEqual(["prompt"]);
});

test("a number is found as text and as the bytes of a file", () => {
  const low = Buffer.alloc(8);
  low.writeUInt32LE(number, 3);
  const high = Buffer.alloc(8);
  high.writeUInt32BE(number, 1);
  for (const bytes of [Buffer.from(`{"seed":${number}}`), low, high]) {
    expect(findLeaks(bytes, { seed: number, gps: 471_147_471 })).toEqual(["seed"]);
  }
  expect(findLeaks(Buffer.from("nothing here"), { seed: number, prompt: secret })).toEqual([]);
});
