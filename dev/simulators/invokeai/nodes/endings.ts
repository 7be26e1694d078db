/** A node's failure under the name its Python class has. */
export class NodeError extends Error {
  readonly errorType: string;

  constructor(errorType: string, message: string) {
    super(message);
    this.errorType = errorType;
  }
}

/** Thrown through a node whose item was canceled or whose server went down. */
export class Stopped extends Error {}
