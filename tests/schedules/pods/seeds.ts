/** Of the schedules in every run: short ones, with different ends, places and kinds of faults. */
export const usualPodSeeds = [12, 21, 33, 44];
