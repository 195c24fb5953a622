import type { Value } from "../values/value.ts";
import { codeFrame } from "./code-frame.ts";
import { type ParseErrorKind, type RuntimeErrorKind, UNCATCHABLE } from "./kinds.ts";
import type { Position, Source, Span } from "./position.ts";

/** One call on the way to an error, innermost first. */
export interface CallFrame {
  /** Name of the function; `anon$…` for closures; null for the loading of a module. */
  readonly name: string | null;
  readonly module: string | null;
  readonly source: string;
  readonly position: Position | null;
}

/** Looks up the text of a script by its name, for code frames of errors that span files. */
export type SourceLookup = (name: string) => string | undefined;

interface Place {
  readonly source: Source;
  readonly span: Span;
}

export interface ErrorDetails {
  /** Extra keys of the map that `catch` receives. */
  readonly dump?: Readonly<Record<string, Value>>;
  /** For `ErrorRuntime`: the thrown value. */
  readonly value?: Value;
  /** For errors that wrap another: the error inside. */
  readonly inner?: RhaiError;
  /** For syntax errors: the kind the parser gave. */
  readonly parseKind?: ParseErrorKind;
  /** One sentence on what to do about it ("did you mean …"). */
  readonly hint?: string;
  /** The host's own error, when one was thrown. */
  readonly cause?: unknown;
}

/** Everything that can go wrong in a script, at compile time (`kind` "ErrorParsing") or at run time. */
export class RhaiError extends Error {
  override readonly name = "RhaiError";
  readonly kind: RuntimeErrorKind;
  /** The text without position suffix. Wrapping errors hold the text of the innermost error first. */
  readonly text: string;
  readonly parseKind: ParseErrorKind | null;
  readonly inner: RhaiError | null;
  readonly dump: Readonly<Record<string, Value>>;
  readonly value: Value;
  private hintSource: string | null | (() => string | null);
  /** A script cannot catch it: limits, cancellation, deadlines. */
  readonly uncatchable: boolean;
  /** True for syntax errors handed out by `compile`, which print without the `Syntax error: ` prefix. */
  bareSyntax = false;
  /** Name of the callee for `ErrorInFunctionCall`, of the module for `ErrorInModule`. */
  callee: string | null = null;
  /** Source of the callee, shown as `(from '…')`. */
  calleeSource = "";
  /** Name shown as `@ '…'`, set when the error leaves a function of a script that has a name. */
  shownSource = "";
  private place: Place | null = null;
  private origin: Place | null = null;
  private readonly left: CallFrame[] = [];
  /** The place is known but the reference would not print it (arithmetic of built-in operators). */
  private silentPlace = false;
  private noPlace = false;

  constructor(kind: RuntimeErrorKind, text: string, details: ErrorDetails = {}) {
    super();
    this.kind = kind;
    this.text = text;
    this.parseKind = details.parseKind ?? null;
    this.inner = details.inner ?? null;
    this.dump = details.dump ?? {};
    this.value = details.value;
    this.hintSource = details.hint ?? null;
    this.uncatchable = UNCATCHABLE.has(kind);
    if (details.cause !== undefined) this.cause = details.cause;
    Object.defineProperty(this, "message", { get: () => this.render(true), configurable: true });
  }

  /** One sentence on what to do about it ("did you mean …"); null when there is nothing to say. */
  get hint(): string | null {
    if (typeof this.hintSource === "function") this.hintSource = this.hintSource();
    return this.hintSource;
  }

  /** A hint, or how to find one: looked for when somebody asks. */
  set hint(hint: string | null | (() => string | null)) {
    this.hintSource = hint;
  }

  /** Gives the error a place unless it has one. */
  at(source: Source, start: number, end: number): this {
    if (this.place === null && !this.noPlace) this.place = { source, span: { start, end } };
    return this;
  }

  /** Gives the error a place for tools, but none in its text: the reference prints none here. */
  atSilently(source: Source, start: number, end: number): this {
    if (this.place === null) {
      this.place = { source, span: { start, end } };
      this.silentPlace = true;
    }
    return this;
  }

  /** Replaces the place (re-throw in a `catch`). */
  moveTo(source: Source, start: number, end: number): this {
    this.place = { source, span: { start, end } };
    this.silentPlace = false;
    return this;
  }

  /** The same error, raised again at the place of another. */
  movedTo(other: RhaiError): this {
    this.place = other.place;
    this.silentPlace = false;
    return this;
  }

  /**
   * An error that scripts cannot catch leaves a call. As in the reference its text then shows the place of the call;
   * `origin` and `callChain` keep where it came from.
   */
  leaveCall(name: string, source: Source, start: number, end: number): this {
    this.origin ??= this.place;
    this.left.push({ name, module: null, source: source.name, position: source.position(start) });
    return this.moveTo(source, start, end);
  }

  /** Where the error really started: for limits and deadlines deeper than what the text shows. */
  get start(): { readonly source: string; readonly position: Position; readonly end: Position } | null {
    const place = this.origin ?? this.place;
    if (place === null) return null;
    const { source, span } = place;
    return { source: source.name, position: source.position(span.start), end: source.position(span.end) };
  }

  /** The error never gets a place. */
  withoutPlace(): this {
    this.noPlace = true;
    return this;
  }

  /** Where the error starts, also when the text does not show it; null when unknown. */
  get position(): Position | null {
    return this.place === null ? null : this.place.source.position(this.place.span.start);
  }

  get endPosition(): Position | null {
    return this.place === null ? null : this.place.source.position(this.place.span.end);
  }

  /** Position as the reference shows it. */
  get shownPosition(): Position | null {
    return this.silentPlace ? null : this.position;
  }

  /** Name of the script the error is in; empty when it has none. */
  get source(): string {
    return this.place?.source.name ?? "";
  }

  /** The error that started it all, below every call and module wrapper. */
  get root(): RhaiError {
    let error: RhaiError = this;
    while (error.inner !== null) error = error.inner;
    return error;
  }

  /** The calls that were open, innermost first, across files. */
  get callChain(): readonly CallFrame[] {
    const chain: CallFrame[] = [];
    for (let error: RhaiError | null = this; error !== null; error = error.inner) {
      if (error.kind === "ErrorInFunctionCall" || error.kind === "ErrorInModule") {
        const isModule = error.kind === "ErrorInModule";
        chain.unshift({
          name: isModule ? null : error.callee,
          module: isModule ? error.callee : null,
          source: error.source,
          position: error.position,
        });
      }
    }
    return [...this.root.left, ...chain];
  }

  /** Full text without the position of the outermost error: what `catch` finds under `message`. */
  get unpositioned(): string {
    return this.render(false);
  }

  /** An excerpt of the source with a marker under the span, followed by the hint; empty when no place is known. */
  codeFrame(sources?: SourceLookup): string {
    const { root } = this;
    const place = root.origin ?? root.place ?? this.place;
    if (place === null) return root.hint === null ? "" : `help: ${root.hint}`;
    const text = sources?.(place.source.name);
    return codeFrame(place.source, place.span, root.hint, text);
  }

  /** What consoles print: the message and the excerpt, no inner fields. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    const frame = this.codeFrame();
    return frame === "" ? `RhaiError: ${this.message}` : `RhaiError: ${this.message}\n${frame}`;
  }

  private render(withPosition: boolean): string {
    const position = withPosition ? this.shownPosition : null;
    const suffix = position === null ? "" : ` (line ${position.line}, position ${position.column})`;
    if (this.kind === "ErrorInFunctionCall") {
      const what = this.callee!.startsWith("anon$") ? "closure call" : `call to function '${this.callee}'`;
      const from = this.calleeSource === "" ? "" : ` (from '${this.calleeSource}')`;
      return `${this.inner!.render(true)}\nin ${what}${from}${suffix}`;
    }
    if (this.kind === "ErrorInModule") return `${this.inner!.render(true)}\nin module '${this.callee}'${suffix}`;
    const prefix = this.kind === "ErrorParsing" && !this.bareSyntax ? "Syntax error: " : "";
    const shown = this.shownSource === "" ? "" : ` @ '${this.shownSource}'`;
    return `${prefix}${this.text}${shown}${suffix}`;
  }
}
