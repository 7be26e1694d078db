const setters = new WeakMap<Request, (seconds: number) => void>();

/** Remembers how the time that a request's answer may take without moving is set; 0: without end. */
export function rememberAnswerTime(request: Request, set: (seconds: number) => void): void {
  setters.set(request, set);
}

/** Lets an answer take as long as it takes: for work that grows with what was sent, once all of it is here. */
export function takeAllTheTime(request: Request): void {
  setters.get(request)?.(0);
}
