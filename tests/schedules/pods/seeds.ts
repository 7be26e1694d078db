/** Of the schedules in every run: short ones, on one volume, with two services lost and eight faults of RunPod. */
export const usualPodSeeds = [12, 15, 21, 25, 33];
