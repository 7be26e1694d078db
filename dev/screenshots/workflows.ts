/** A workflow as InvokeAI's editor saves it: the picture of one node goes into another, whose picture is the result. */
export const workflowOf = (name: string, first: string, second: string) => ({
  name,
  nodes: [first, second].map((type) => ({
    id: type,
    type: "invocation",
    data: { id: type, type, isIntermediate: type === first, inputs: {} },
  })),
  edges: [{ source: first, sourceHandle: "image", target: second, targetHandle: "image" }],
});

/** Each photo of a list out of focus. */
export const softenInTurn = workflowOf("Soften in turn", "image_batch", "img_blur");
