/** CPU time of this process so far. Limits in tests are held against it, since a busy machine stretches the clock's. */
export function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
