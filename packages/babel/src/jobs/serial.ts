/** Runs tasks one after another, in the order they were given. */
export class Serial {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task, task);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/** The same for each name: tasks of different names do not wait for each other. */
export class SerialByName {
  readonly #last = new Map<string, Promise<void>>();

  run<T>(name: string, task: () => Promise<T>): Promise<T> {
    const result = (this.#last.get(name) ?? Promise.resolve()).then(task);
    const forget = (): void => {
      if (this.#last.get(name) === ended) this.#last.delete(name);
    };
    const ended = result.then(forget, forget);
    this.#last.set(name, ended);
    return result;
  }
}
