export type { Template } from "./ast.ts";
export { variablesOf } from "./free-variables.ts";
export { parseTemplate } from "./parser.ts";
export { escapesHtml, render } from "./renderer.ts";
export { position, TemplateFailure } from "./source.ts";
export { isMap, parseValue, type ValueMap } from "./value.ts";
