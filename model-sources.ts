/** What InvokeAI's installer takes: a repository of Hugging Face, or part of one, or the address of a file. */
export type ModelSource =
  | { kind: "repository"; repository: string; variant: string | null; subfolder: string | null }
  | { kind: "url"; url: string };

/** `owner/name`, then perhaps a variant such as fp16, then perhaps a folder or file: `owner/name:fp16`, `owner/name::vae`. */
const repositoryPattern = /^([\w.-]+\/[\w.-]+)(?::(\w*))?(?::([^:\s\\?#]+))?$/;

/** @returns undefined for what is neither: InvokeAI would look for a file on its own disk, and move it */
export function parseModelSource(text: string): ModelSource | undefined {
  const url = /^https?:\/\//i.test(text) ? URL.parse(text) : null;
  if (url !== null) {
    const hasLogin = url.username !== "" || url.password !== "";
    return hasLogin || /\s/.test(text) ? undefined : { kind: "url", url: text };
  }
  const [, repository, variant, subfolder] = repositoryPattern.exec(text) ?? [];
  if (repository === undefined || /(^|\/)\.\.?(\/|$)/.test(`${repository}/${subfolder ?? ""}`)) {
    return undefined;
  }
  return {
    kind: "repository",
    repository,
    variant: variant || null,
    subfolder: subfolder || null,
  };
}

/** For a field that holds no source. */
export const expectedSource =
  "a repository of Hugging Face such as owner/name or owner/name::folder, or an http(s) address without login";

/** Whether Hugging Face's own servers are asked for it: only these may see a token of Hugging Face. */
export function isOnHuggingFace(source: ModelSource): boolean {
  return source.kind === "repository" || URL.parse(source.url)?.origin === "https://huggingface.co";
}

/** Whether two sources lead to the same model. One that names no variant leaves the choice to InvokeAI. */
export function isSameSource(a: ModelSource, b: ModelSource): boolean {
  if (a.kind === "url" || b.kind === "url") {
    return a.kind === "url" && b.kind === "url" && a.url === b.url;
  }
  const isSameVariant = a.variant === null || b.variant === null || a.variant === b.variant;
  return a.repository === b.repository && a.subfolder === b.subfolder && isSameVariant;
}
