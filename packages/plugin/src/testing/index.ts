export { Coverage, type FileCoverage } from "./coverage.ts";
export type { RealShell } from "./real-shell.ts";
export type { TestFailure } from "./run-test.ts";
export { runTests, TEST_WORKERS, type TestRequest, type TestResult } from "./run-tests.ts";
