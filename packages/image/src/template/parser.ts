import type { Branch, Import, Macro, Node, Template } from "./ast.ts";
import { ExpressionParser } from "./expression-parser.ts";
import { type Source, type Span, TemplateFailure } from "./source.ts";
import { type Piece, piecesOf, type Token } from "./tokens.ts";

const DEPTH_LIMIT = 100;

/** Parses a template. (Tera 1.20 syntax, babel-agent §2.4) */
export function parseTemplate(source: Source): Template {
  return new TemplateParser(source).parse();
}

type Tag = { readonly name: string; readonly rest: ExpressionParser; readonly span: Span };

class TemplateParser {
  readonly #pieces: readonly Piece[];
  readonly #source: Source;
  readonly #imports: Import[] = [];
  readonly #macros = new Map<string, Macro>();
  readonly #blocks = new Map<string, readonly Node[]>();
  #extends: Template["extends"];
  #at = 0;
  #depth = 0;

  constructor(source: Source) {
    this.#source = source;
    this.#pieces = piecesOf(source);
  }

  parse(): Template {
    const body = this.#nodes([]).body;
    return { body, extends: this.#extends, imports: this.#imports, macros: this.#macros, blocks: this.#blocks };
  }

  /** Nodes up to one of these tags, which is taken; without any, up to the end. */
  #nodes(enders: readonly string[], opened?: Tag): { readonly body: readonly Node[]; readonly ender: Tag } {
    this.#depth += 1;
    if (this.#depth > DEPTH_LIMIT && opened) throw new TemplateFailure(opened.span, "tags are nested too deeply");
    const body: Node[] = [];
    for (let piece = this.#pieces[this.#at]; piece !== undefined; piece = this.#pieces[this.#at]) {
      this.#at += 1;
      if (piece.kind === "text") body.push({ kind: "text", text: piece.text, span: piece.span });
      else if (piece.kind === "print") body.push(this.#print(piece.tokens, piece.span));
      else {
        const rest = new ExpressionParser(piece.tokens, piece.span);
        const tag = { name: rest.word("the name of a tag"), rest, span: piece.span };
        if (enders.includes(tag.name)) {
          this.#depth -= 1;
          return { body, ender: tag };
        }
        const node = this.#tag(tag);
        if (node !== undefined) body.push(node);
      }
    }
    if (opened !== undefined) {
      throw new TemplateFailure(opened.span, `'${opened.name}' is never closed, '{% ${enders.at(-1)} %}' is missing`);
    }
    this.#depth -= 1;
    const end = { source: this.#source, from: this.#source.text.length, to: this.#source.text.length };
    return { body, ender: { name: "", rest: new ExpressionParser([], end), span: end } };
  }

  #print(tokens: readonly Token[], span: Span): Node {
    const parser = new ExpressionParser(tokens, span);
    const value = parser.expression();
    parser.expectEnd();
    return { kind: "print", value, span };
  }

  #tag(tag: Tag): Node | undefined {
    switch (tag.name) {
      case "if":
        return this.#if(tag);
      case "for":
        return this.#for(tag);
      case "set":
      case "set_global":
        return this.#set(tag);
      case "filter":
        return this.#filter(tag);
      case "block":
        return this.#block(tag);
      case "include":
        return this.#include(tag);
      case "macro":
        return this.#macro(tag);
      case "import":
        return this.#import(tag);
      case "extends":
        this.#extends = { path: tag.rest.string("a path"), span: tag.span };
        tag.rest.expectEnd();
        return undefined;
      case "break":
      case "continue":
        tag.rest.expectEnd();
        return { kind: tag.name, span: tag.span };
      default:
        throw new TemplateFailure(tag.span, `unexpected tag '${tag.name}'`);
    }
  }

  #if(tag: Tag): Node {
    const branches: Branch[] = [];
    for (let open = tag; ; ) {
      const condition = open.rest.expression();
      open.rest.expectEnd();
      const { body, ender } = this.#nodes(["elif", "else", "endif"], tag);
      branches.push({ condition, body });
      if (ender.name === "elif") {
        open = ender;
        continue;
      }
      ender.rest.expectEnd();
      const otherwise = ender.name === "else" ? this.#closed(["endif"], tag) : [];
      return { kind: "if", branches, otherwise, span: tag.span };
    }
  }

  #closed(enders: readonly string[], tag: Tag): readonly Node[] {
    const { body, ender } = this.#nodes(enders, tag);
    ender.rest.expectEnd();
    return body;
  }

  #for(tag: Tag): Node {
    const first = tag.rest.word("a name");
    const second = tag.rest.take(",") ? tag.rest.word("a name") : undefined;
    tag.rest.expect("in");
    const of = tag.rest.expression();
    tag.rest.expectEnd();
    const { body, ender } = this.#nodes(["else", "endfor"], tag);
    ender.rest.expectEnd();
    const empty = ender.name === "else" ? this.#closed(["endfor"], tag) : [];
    const names = second === undefined ? { key: undefined, item: first } : { key: first, item: second };
    return { kind: "for", ...names, of, body, empty, span: tag.span };
  }

  #set(tag: Tag): Node {
    const name = tag.rest.word("a name");
    tag.rest.expect("=");
    const value = tag.rest.expression();
    tag.rest.expectEnd();
    return { kind: "set", name, value, global: tag.name === "set_global", span: tag.span };
  }

  #filter(tag: Tag): Node {
    const filter = tag.rest.call("a filter");
    tag.rest.expectEnd();
    return { kind: "filter", filter, body: this.#closed(["endfilter"], tag), span: tag.span };
  }

  #block(tag: Tag): Node {
    const name = tag.rest.word("a name");
    tag.rest.expectEnd();
    const { body, ender } = this.#nodes(["endblock"], tag);
    if (!ender.rest.done && ender.rest.word("the name of the block") !== name) {
      throw new TemplateFailure(ender.span, `this closes another block than '${name}'`);
    }
    if (this.#blocks.has(name)) throw new TemplateFailure(tag.span, `block '${name}' is there twice`);
    this.#blocks.set(name, body);
    return { kind: "block", name, body, span: tag.span };
  }

  #include(tag: Tag): Node {
    const paths: string[] = [];
    if (tag.rest.take("[")) {
      while (!tag.rest.take("]")) {
        paths.push(tag.rest.string("a path"));
        tag.rest.take(",");
      }
    } else paths.push(tag.rest.string("a path"));
    const optional = tag.rest.take("ignore");
    if (optional) tag.rest.expect("missing");
    tag.rest.expectEnd();
    return { kind: "include", paths, optional, span: tag.span };
  }

  #macro(tag: Tag): undefined {
    const name = tag.rest.word("a name");
    tag.rest.expect("(");
    const parameters: Macro["parameters"][number][] = [];
    while (!tag.rest.take(")")) {
      const parameter = tag.rest.word("a parameter");
      parameters.push({ name: parameter, fallback: tag.rest.take("=") ? tag.rest.expression() : undefined });
      tag.rest.take(",");
    }
    tag.rest.expectEnd();
    const { body, ender } = this.#nodes(["endmacro"], tag);
    if (!ender.rest.done) ender.rest.word("the name of the macro");
    this.#macros.set(name, { name, parameters, body });
    return undefined;
  }

  #import(tag: Tag): undefined {
    const path = tag.rest.string("a path");
    tag.rest.expect("as");
    this.#imports.push({ path, namespace: tag.rest.word("a name"), span: tag.span });
    tag.rest.expectEnd();
    return undefined;
  }
}
