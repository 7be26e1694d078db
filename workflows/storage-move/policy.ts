/** After this many pages a run continues as new: about a thousand events, whatever the library's size. */
export const maxPagesPerRun = 100;
