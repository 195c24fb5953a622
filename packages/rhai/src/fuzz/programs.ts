import { Generator } from "./generate.ts";
import { mutate, nest } from "./mutate.ts";
import { Random } from "./random.ts";

/** The program of a seed: mostly generated, often broken a little, sometimes absurdly deep. Half of them grow from the programs of `corpus`. */
export function programOf(seed: number, corpus: readonly string[]): string {
  const random = new Random(seed);
  const kind = random.next(20);
  if (kind === 0) return nest(random);
  const program = random.chance(50) ? random.pick(corpus) : new Generator(random).program();
  return kind < 8 ? mutate(program, random) : program;
}
