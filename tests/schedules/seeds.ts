/** Of the schedules in every run: between them each kind of fault. */
export const usualSeeds = [19, 25, 60];
