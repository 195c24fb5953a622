import { HeapValue, type Tag } from "./tag.ts";

/** A value of a type the host registered: the script sees its registered name, getters, setters and methods. */
export class HostObject extends HeapValue {
  readonly tag: Tag;
  readonly typeName: string;
  readonly object: object;
  constructor(tag: Tag, typeName: string, object: object) {
    super();
    this.tag = tag;
    this.typeName = typeName;
    this.object = object;
  }
}
