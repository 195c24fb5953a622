/** Files of the kernel that tell about, or change, the whole machine: a container sees nothing there. */
export const MASKED_PATHS: readonly string[] = [
  ...["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list"],
  ...["/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"],
];

/** Files that reach beyond the container, and that root could write by their modes. */
export const READ_ONLY_PATHS: readonly string[] = [
  ...["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
];
