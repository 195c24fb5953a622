/** Options of Apptainer that take nothing away from a container's isolation; true: with a value, as the next word or after `=`. */
const SAFE: ReadonlyMap<string, boolean> = new Map([
  // Graphics cards, with the devices these need.
  ["--nv", false],
  ["--nvccli", false],
  ["--rocm", false],
  ["--no-umask", false],
  ["--dns", true],
  ["--drop-caps", true],
  ["--env", true],
]);

/** The words of `extra_args` that nobody has looked at (spec host-daemon S8): they may switch isolation off. */
export function unsafeArguments(words: readonly string[]): readonly string[] {
  const unsafe: string[] = [];
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [name = "", value] = word.split("=", 2);
    const takesValue = SAFE.get(name);
    const isComplete = takesValue ? (value ?? rest.shift()) !== undefined : value === undefined;
    if (takesValue === undefined || !isComplete) unsafe.push(word);
  }
  return unsafe;
}
