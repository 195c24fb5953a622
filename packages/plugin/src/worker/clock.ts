/** Epoch milliseconds that never jump; what a worker measures time with. */
export const clock = (): number => performance.timeOrigin + performance.now();
