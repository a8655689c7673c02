/** How much more or less time something takes than what was chosen. */
export function compareTimes(own: number, chosen: number): string {
  const percent = 100 * (own / chosen - 1);
  return `${Math.abs(percent).toFixed(1)} % ${percent < 0 ? 'less' : 'more'}`;
}
