/** Of the schedules in every run: short ones, on one volume, with each of our services lost. */
export const usualPodSeeds = [15, 21, 25, 33];
