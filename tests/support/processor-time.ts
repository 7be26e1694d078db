/**
 * Processor time that this process spends on `work`, in milliseconds; other load on the machine does not count.
 * A bound on it stands far above what the work takes and far below what the defect costs: it distinguishes
 * linear from quadratic time, not fast from slow machines.
 */
export async function processorMs(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
