export type * from "./babel/model.ts";
export type * from "./diagnostics/diagnostic.ts";
export type * from "./protocols/model.ts";
