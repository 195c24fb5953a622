/** `1d 02:03:04`, without days below one day; `-` when there is none (host-daemon §2.2). */
export function durationText(seconds: number | null): string {
  if (seconds === null) return "-";
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const days = Math.floor(seconds / 86_400);
  const clock = [two((seconds % 86_400) / 3600), two((seconds % 3600) / 60), two(seconds % 60)].join(":");
  return days > 0 ? `${days}d ${clock}` : clock;
}
