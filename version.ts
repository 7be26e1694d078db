import description from "./package.json";

/** The version of this program, as tagged. */
export const version: string = description.version;
