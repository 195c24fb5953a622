import type { HostMethod, HostType, ParamType } from "../host/native.ts";
import { Effect, type Natives } from "../host/natives.ts";
import { HostObject } from "../values/host-object.ts";
import type { Tag } from "../values/tag.ts";
import type { Value } from "../values/value.ts";
import { adapt } from "./host-functions.ts";

/** A type the host registered: usable as a parameter type, and able to wrap objects into script values. */
export interface RegisteredType<T extends object> extends ParamType {
  wrap(object: T): HostObject;
  /** The wrapped object, or null when the value is something else. */
  unwrap(value: Value): T | null;
}

export class HostTypeRegistration<T extends object> implements RegisteredType<T> {
  readonly name: string;
  readonly tag: Tag;

  constructor(natives: Natives, tag: Tag, name: string, type: HostType<T>) {
    this.name = name;
    this.tag = tag;
    const self = (value: Value) => (value as HostObject).object as T;
    for (const [property, get] of Object.entries(type.getters ?? {})) {
      natives.registerGetter(property, tag, (value) => get(self(value)));
    }
    for (const [property, set] of Object.entries(type.setters ?? {})) {
      natives.registerSetter(property, tag, -1, (value, next) => {
        set(self(value), next);
        return value;
      });
    }
    for (const [method, given] of Object.entries(type.methods ?? {})) {
      const overloads: readonly HostMethod<T>[] = Array.isArray(given) ? given : [given as HostMethod<T>];
      for (const { params, call } of overloads) {
        natives.register({
          name: method,
          params: [tag, ...params.map((param) => param.tag)],
          impl: adapt(method, (ctx, receiver: HostObject, ...args: Value[]) =>
            call(ctx, receiver.object as T, ...args),
          ),
          effect: Effect.None,
          doc: "",
        });
      }
    }
    const { index, setIndex, iterate, toString: text, toDebug } = type;
    const hasText = Object.hasOwn(type, "toString");
    natives.registerHostType(tag, {
      rawName: type.rawName ?? name,
      ...(index === undefined ? {} : { index: (value: HostObject, at: Value) => index(self(value), at) }),
      ...(setIndex === undefined
        ? {}
        : { setIndex: (value: HostObject, at: Value, next: Value) => setIndex(self(value), at, next) }),
      ...(iterate === undefined ? {} : { iterate: (value: HostObject) => iterate(self(value)) }),
      ...(hasText && text !== undefined ? { display: (value: HostObject) => text(self(value)) } : {}),
      ...(toDebug === undefined ? {} : { debug: (value: HostObject) => toDebug(self(value)) }),
    });
  }

  wrap(object: T): HostObject {
    return new HostObject(this.tag, this.name, object);
  }

  unwrap(value: Value): T | null {
    return value instanceof HostObject && value.tag === this.tag ? (value.object as T) : null;
  }
}
