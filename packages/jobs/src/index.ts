export {
  type Dependency,
  defectOf,
  dependenciesOf,
  dependentsAmong,
  type Edges,
  inOrder,
  longestChain,
  type Readiness,
  readiness,
  type Standing,
} from "./graph.ts";
export {
  type Attempts,
  afterRun,
  blocksUpgrade,
  describeOutcome,
  NO_ATTEMPTS,
  type Outcome,
} from "./restart.ts";
export { signalName, signalNamed, signalNumber } from "./signals.ts";
