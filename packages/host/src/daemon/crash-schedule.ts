import { type Condition, type CutPoint, courseOf, type Operation } from "./cut-points.ts";

/** What is cut together in one death of the daemon: for each of these lives the place of this time. */
export type Death = readonly { readonly life: number; readonly cut: CutPoint }[];

/**
 * Puts the places where daemons die one after another, `lives` at a time. A node that survived one goes on to the next from the condition
 * in which the last one left it, so that hardly any has to be made only to be cut: what ends in one operation begins in another.
 */
export function scheduleOf(cuts: readonly CutPoint[], lives: number): readonly Death[] {
  const isAttach = ({ operation }: CutPoint): boolean => courseOf(operation).attach ?? false;
  const conditions: Condition[] = Array.from({ length: lives }, () => "absent");
  const [others, attaching] = [cuts.filter((cut) => !isAttach(cut)), cuts.filter(isAttach)];
  return [...deaths(others, conditions), ...deaths(attaching, conditions)];
}

function deaths(cuts: readonly CutPoint[], conditions: Condition[]): readonly Death[] {
  const left = Map.groupBy(cuts, ({ operation }) => operation) as Map<Operation, CutPoint[]>;
  const longest = (from?: Condition): CutPoint[] | undefined =>
    [...left]
      .filter(([operation, { length }]) => length > 0 && (from === undefined || courseOf(operation).from === from))
      .map(([, places]) => places)
      .toSorted((a, b) => b.length - a.length)[0];
  const death = (): Death => {
    const found = [...conditions.entries()].flatMap(([life, condition]) => {
      const cut = longest(condition)?.shift();
      return cut === undefined ? [] : [{ life, cut }];
    });
    const busy = new Set(found.map(({ life }) => life));
    // Whoever cannot go on begins anew.
    const anew = [...conditions.keys()].flatMap((life) => {
      const cut = busy.has(life) ? undefined : longest()?.shift();
      return cut === undefined ? [] : [{ life, cut }];
    });
    const together = [...found, ...anew];
    for (const { life, cut } of together) conditions[life] = courseOf(cut.operation).to;
    return together;
  };
  const all: Death[] = [];
  for (let next = death(); next.length > 0; next = death()) all.push(next);
  return all;
}
