import type { Rule } from "./rule.ts";
import { assignToConstant } from "./rules/assign-to-constant.ts";
import { capturedLoopVariable } from "./rules/captured-loop-variable.ts";
import { duplicateImport } from "./rules/duplicate-import.ts";
import { duplicateSwitchCase } from "./rules/duplicate-switch-case.ts";
import { importCycle } from "./rules/import-cycle.ts";
import { lostResult } from "./rules/lost-result.ts";
import { newerEngine } from "./rules/newer-engine.ts";
import { reservedWord } from "./rules/reserved-word.ts";
import { shadowedVariable } from "./rules/shadowed-variable.ts";
import { suspiciousComparison } from "./rules/suspicious-comparison.ts";
import { undefinedVariable } from "./rules/undefined-variable.ts";
import { unknownExport } from "./rules/unknown-export.ts";
import { unknownFunction } from "./rules/unknown-function.ts";
import { unknownModule } from "./rules/unknown-module.ts";
import { unreachableCode } from "./rules/unreachable-code.ts";
import { unusedFunction } from "./rules/unused-function.ts";
import { unusedImport } from "./rules/unused-import.ts";
import { unusedVariable } from "./rules/unused-variable.ts";
import { wrongArity } from "./rules/wrong-arity.ts";

/** Every rule under its code. The codes are stable. */
export const RULES = {
  "undefined-variable": undefinedVariable,
  "shadowed-variable": shadowedVariable,
  "unused-variable": unusedVariable,
  "unknown-function": unknownFunction,
  "wrong-arity": wrongArity,
  "unused-function": unusedFunction,
  "unknown-module": unknownModule,
  "unknown-export": unknownExport,
  "unused-import": unusedImport,
  "duplicate-import": duplicateImport,
  "import-cycle": importCycle,
  "assign-to-constant": assignToConstant,
  "unreachable-code": unreachableCode,
  "duplicate-switch-case": duplicateSwitchCase,
  "reserved-word": reservedWord,
  "suspicious-comparison": suspiciousComparison,
  "captured-loop-variable": capturedLoopVariable,
  "lost-result": lostResult,
  "newer-engine": newerEngine,
} as const satisfies Readonly<Record<string, Rule>>;

export type RuleCode = keyof typeof RULES;
