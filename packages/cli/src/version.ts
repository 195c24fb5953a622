/** The version of the whole suite; a test keeps it equal to package.json. */
export const suiteVersion = "0.1.0";
