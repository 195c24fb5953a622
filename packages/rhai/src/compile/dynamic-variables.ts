import { Cell } from "../values/cell.ts";
import type { Value } from "../values/value.ts";
import type { Frame } from "./exec.ts";

interface DynamicVariable {
  readonly name: string;
  readonly cell: Cell;
}

/** Variables that `eval` declared in a call, by name. Hardly any call has some. */
const declared = new WeakMap<Frame, DynamicVariable[]>();

export function declareDynamic(f: Frame, name: string, value: Value, isConstant: boolean): void {
  let list = declared.get(f);
  if (list === undefined) declared.set(f, (list = []));
  const cell = new Cell(value);
  cell.readOnly = isConstant;
  list.push({ name, cell });
}

export function dynamicVariable(f: Frame, name: string): Cell | undefined {
  return declared.get(f)?.findLast((variable) => variable.name === name)?.cell;
}

export function dynamicCount(f: Frame): number {
  return declared.get(f)?.length ?? 0;
}

/** Drops what was declared after a count was taken: the end of a block. */
export function forgetDynamic(f: Frame, count: number): void {
  const list = declared.get(f);
  if (list !== undefined) list.length = count;
}

/** What was declared by name, oldest first. */
export function dynamicVariables(f: Frame): readonly { readonly name: string; readonly cell: Cell }[] {
  return declared.get(f) ?? [];
}
