import { join } from "node:path";

/** What the image starts when the pod names no command. */
const imageEntrypoint = "/opt/invokeai/docker-entrypoint.sh";
const imageCommand = ["invokeai-web"];
const imagePython = "/opt/venv/bin/python";

const invokeAiImage = /(?:^|\/)invokeai(?::|@|$)/;

/** Programs of InvokeAI's image that the simulator has in its own folder or on this machine. */
const substitutes: readonly [RegExp, string][] = [
  [new RegExp(`${imageEntrypoint}`, "g"), join(import.meta.dir, "image/docker-entrypoint.sh")],
  [new RegExp(`${imagePython}3?(?![\\w.])`, "g"), "python3"],
];

export type StartCommand = {
  image: string;
  entrypoint?: string[] | undefined;
  cmd?: string[] | undefined;
  args?: string | undefined;
};

/**
 * The command line that runs on this machine in place of the container's; paths of programs in the image are
 * replaced everywhere, also within an argument. An image other than InvokeAI's has no known command of its own:
 * without `entrypoint` and `cmd` it only waits.
 */
export function commandLine({
  image,
  entrypoint = [],
  cmd = [],
  args = "",
}: StartCommand): string[] {
  const words = args.split(/\s+/).filter(Boolean);
  const isInvokeAi = invokeAiImage.test(image);
  const given = cmd.length > 0 ? cmd : words;
  const whole =
    entrypoint.length > 0
      ? [...entrypoint, ...given]
      : isInvokeAi
        ? [imageEntrypoint, ...(given.length > 0 ? given : imageCommand)]
        : given;
  if (whole.length === 0) return ["sleep", "infinity"];
  return whole.map((word) =>
    substitutes.reduce((text, [pattern, path]) => text.replace(pattern, () => path), word),
  );
}
