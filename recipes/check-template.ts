import { findField, findNodeType, type NodeCatalogue } from "./catalogue";
import { refusalOf } from "./node-rules";
import type { RecipeInput, RecipeTemplate } from "./recipe";
import { literalFault } from "./values";

/**
 * Why a converted workflow may not run now, as a sentence; undefined: it may. Checked again before each run: the template
 * may come from an archive, the settings may have changed, and InvokeAI may be another one.
 * @param catalogue of the InvokeAI that would run it
 */
export function checkTemplate(
  template: RecipeTemplate,
  catalogue: NodeCatalogue | undefined,
  allowed: readonly string[],
): string | undefined {
  if (!catalogue) {
    return "InvokeAI's node types have not been read yet; call POST /api/v1/models/refresh.";
  }
  for (const { type, literals } of Object.values(template.nodes)) {
    const about = findNodeType(catalogue, type);
    const why = refusalOf({ type, pack: about?.pack }, allowed);
    if (why !== undefined) return `The node "${type}" is refused: it ${why}.`;
    if (!about) return `InvokeAI has no node type "${type}"; update it, or replace the node.`;
    for (const [name, value] of Object.entries(literals)) {
      const field = findField(about, name);
      // InvokeAI drops names that it does not know.
      if (!field) continue;
      const isForeign = field.kind === "image" || field.kind === "model";
      const fault = isForeign ? "a value of another server" : literalFault(field, value);
      if (fault !== undefined) return `The node "${type}" has in ${name} ${fault}.`;
    }
  }
  const gone = lostField(template, catalogue);
  if (gone !== undefined) return gone;
  const lost = template.outputs.find((id) => !Object.hasOwn(template.nodes, id));
  return lost === undefined ? undefined : "The recipe lacks the node of its picture.";
}

/**
 * A field that an input, a seed or a connection sets, and that its node does not have. Such a template was not converted
 * here, or InvokeAI has changed; it could set what is no input, such as the type of a node.
 */
function lostField(
  { nodes, inputs, seeds, edges }: RecipeTemplate,
  catalogue: NodeCatalogue,
): string | undefined {
  const typeOf = (id: string) => (Object.hasOwn(nodes, id) ? nodes[id]!.type : "");
  const fieldOf = (id: string, name: string) => {
    const about = findNodeType(catalogue, typeOf(id));
    return about && findField(about, name);
  };
  const isInput = ({ id, kind }: RecipeInput) => {
    const [node = "", name = ""] = id.split(".");
    const field = fieldOf(node, name);
    return field?.kind === kind && !field.isConnection;
  };
  const isOutput = ([id, name]: [string, string]) =>
    findNodeType(catalogue, typeOf(id))?.outputs.includes(name) === true;
  const wrong = [
    ...inputs.filter((input) => !isInput(input)).map(({ id }) => id.split(".")),
    ...seeds.filter(([id, name]) => !fieldOf(id, name)),
    ...edges.flatMap(({ from, to }) => [
      ...(isOutput(from) ? [] : [from]),
      ...(fieldOf(...to) ? [] : [to]),
    ]),
  ];
  const [[node = "", name = ""] = []] = wrong;
  if (wrong.length === 0) return undefined;
  return `The node "${typeOf(node)}" has no ${name} of the kind that the recipe uses; make the recipe again.`;
}
