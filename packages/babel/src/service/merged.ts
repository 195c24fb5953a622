/** What several generators yield, each in its order, as it comes. `done` is called when nobody reads any more. */
export async function* merged<T>(sources: readonly AsyncGenerator<T>[], done: () => void): AsyncGenerator<T> {
  const step = async (source: AsyncGenerator<T>) => ({ source, result: await source.next() });
  const waiting = new Map(sources.map((source) => [source, step(source)]));
  try {
    while (waiting.size > 0) {
      const { source, result } = await Promise.race(waiting.values());
      if (result.done) {
        waiting.delete(source);
        continue;
      }
      yield result.value;
      waiting.set(source, step(source));
    }
  } finally {
    done();
    // Those that wait for more end through their own signal; nobody is waited for here.
    for (const source of waiting.keys()) void source.return(undefined).catch(() => undefined);
  }
}
