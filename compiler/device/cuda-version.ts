/** The CUDA version that a driver supports, from its own number for it: 1000 x major + 10 x minor. */
export function cudaVersion(driver: number): string {
  return `${Math.floor(driver / 1000)}.${Math.floor((driver % 1000) / 10)}`;
}
