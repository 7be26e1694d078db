/** A node's failure, with the name of its Python class. */
export class NodeError extends Error {
  readonly errorType: string;

  constructor(errorType: string, message: string) {
    super(message);
    this.errorType = errorType;
  }
}

/** Thrown through a node when its item was canceled or its server stopped. */
export class Stopped extends Error {}
