import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { Refusal } from "#stack/refusal";
import { exchangeByAdapter } from "./adapter-exchanges";
import { exchangeEverything } from "./exchanges";
import { openSpecification, type Specification } from "./specification";

/**
 * `./gallery test --runpod-spec FILE`: checks the RunPod simulator's answers against RunPod's OpenAPI document, and
 * that the simulator refuses what the document forbids. Requests of our own adapter and guard are checked as well. The last line is `N passed, N failed`.
 * @returns the exit status
 * @throws Refusal when the file is not an OpenAPI 3.1 document
 */
export async function runSpecification(args: readonly string[]): Promise<number> {
  const specification = await readSpecification(args);
  let [passed, failed] = [0, 0];
  for (const exchange of [...(await exchangeEverything()), ...(await exchangeByAdapter())]) {
    const { isWrong } = exchange;
    const { method, url } = exchange.request;
    const { status } = exchange.answer;
    const name = `${method} ${url.pathname.replace(/\/(vol)?[a-z0-9]{14}\b/, "/{id}")}${url.search}`;
    const faults = specification.check(exchange, isWrong ? "answer" : "both");
    const forbidden = isWrong ? specification.check(exchange, "request") : undefined;
    const isLenient = isWrong && (forbidden?.length === 0 || status < 400);
    const problems = [
      ...(faults ?? ["the path is not in the specification"]),
      ...(isLenient ? ["a wrong request was accepted here or there"] : []),
    ];
    if (problems.length === 0) passed += 1;
    else failed += 1;
    console.log(`${problems.length === 0 ? "ok    " : "FAILED"} ${status} ${name}`);
    for (const problem of problems) console.log(`         ${problem}`);
  }
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

async function readSpecification(args: readonly string[]): Promise<Specification> {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { "runpod-spec": { type: "string" } },
    });
    const document = JSON.parse(await readFile(values["runpod-spec"] ?? "", "utf8")) as {
      openapi?: string;
    };
    if (!document.openapi?.startsWith("3.1")) throw new Error("not OpenAPI 3.1");
    return openSpecification(document);
  } catch (cause) {
    throw new Refusal(
      "Usage: ./gallery test --runpod-spec FILE, where FILE is RunPod's OpenAPI 3.1 document as JSON (https://api.runpod.io/v2/openapi.json).",
      { cause },
    );
  }
}
