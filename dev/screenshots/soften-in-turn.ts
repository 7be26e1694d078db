/** A workflow of InvokeAI's editor: each photo of a list out of focus. */
export const softenInTurn = {
  name: "Soften in turn",
  nodes: ["image_batch", "img_blur"].map((type) => ({
    id: type,
    type: "invocation",
    data: { id: type, type, isIntermediate: type === "image_batch", inputs: {} },
  })),
  edges: [
    { source: "image_batch", sourceHandle: "image", target: "img_blur", targetHandle: "image" },
  ],
};
