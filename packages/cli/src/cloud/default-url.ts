/** The API that is meant when none is named. The one place that knows it. */
export const defaultApiUrl = "https://api.nodexeus.io";
