import type { Value } from "./value.ts";

/** The storage of a variable that a closure captures: the variable and every closure see the same cell. */
export class Cell {
  value: Value;
  /** True once a closure really holds the cell (`is_shared`). */
  shared = false;
  readOnly = false;
  /** Set while a method runs on the value with exclusive access; touching it then is a data race. */
  locked = false;
  constructor(value: Value) {
    this.value = value;
  }
}
