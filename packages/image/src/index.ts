export { type ArchiveChoice, archiveOf, possibleCombinations } from "./babel/archives.ts";
export type * from "./babel/model.ts";
export { type ParsedNetwork, parseNetwork } from "./babel/network.ts";
export { type ParsedImage, parseImage } from "./babel/parse.ts";
export {
  expandProperties,
  expandProperty,
  type NodeProperties,
  nodeProperties,
  type PropertyRow,
  type PropsProblem,
} from "./babel/properties.ts";
export {
  canonicalFirewall,
  type ImagePropertyPush,
  type ImagePush,
  type VariantPush,
  variantPush,
} from "./babel/push.ts";
export { nodeResources, type Resources } from "./babel/resources.ts";
export { babelSchema } from "./babel/shape.ts";
export { type ValidateOptions, validateImage } from "./babel/validate.ts";
export { effectiveVariant, type PickedVariant, pickVariant, variantKeyParts } from "./babel/variant.ts";
export { codeFrame } from "./diagnostics/code-frame.ts";
export type * from "./diagnostics/diagnostic.ts";
export { githubCommands } from "./diagnostics/github.ts";
export {
  diagnosticJson,
  hasErrors,
  type RenderOptions,
  renderDiagnostics,
  sortDiagnostics,
} from "./diagnostics/render.ts";
export { sarifLog } from "./diagnostics/sarif.ts";
export { didYouMean } from "./diagnostics/suggest.ts";
export type * from "./protocols/model.ts";
export { type ParsedProtocols, parseProtocols, validateProtocols } from "./protocols/parse.ts";
export { protocolsSchema } from "./protocols/shape.ts";
export type { Parsed } from "./yaml/parse.ts";
export { Source } from "./yaml/source.ts";
