type Step<T> = { readonly source: AsyncGenerator<T> } & (
  | { readonly result: IteratorResult<T> }
  | { readonly failure: unknown }
);

/** What several generators yield, each in its order, as it comes. `done` is called when nobody reads any more. */
export async function* merged<T>(sources: readonly AsyncGenerator<T>[], done: () => void): AsyncGenerator<T> {
  const steps: Step<T>[] = [];
  const open = new Set(sources);
  let wake = (): void => undefined;
  // Not `Promise.race`: what waits for long would collect a reaction for everything that others yield meanwhile.
  const advance = (source: AsyncGenerator<T>): void => {
    const note = (step: Step<T>): void => {
      steps.push(step);
      wake();
    };
    source.next().then(
      (result) => note({ source, result }),
      (failure: unknown) => note({ source, failure }),
    );
  };
  for (const source of sources) advance(source);
  try {
    while (open.size > 0) {
      const step = steps.shift();
      if (step === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      if ("failure" in step) throw step.failure;
      if (step.result.done) {
        open.delete(step.source);
        continue;
      }
      yield step.result.value;
      advance(step.source);
    }
  } finally {
    done();
    // Those that wait for more end through their own signal; nobody is waited for here.
    for (const source of open) void source.return(undefined).catch(() => undefined);
  }
}
