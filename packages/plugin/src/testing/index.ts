export { Coverage, type FileCoverage } from "./coverage.ts";
export type { TestFailure } from "./run-test.ts";
export { runTests, type TestRequest, type TestResult } from "./run-tests.ts";
