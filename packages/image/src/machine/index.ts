export type { Gpu } from "./gpus.ts";
export { type MachineFacts, machineFacts } from "./machine-facts.ts";
export type { Runtime } from "./runtimes.ts";
