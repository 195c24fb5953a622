export { FileModuleResolver, type FileResolverOptions } from "./file-resolver.ts";
