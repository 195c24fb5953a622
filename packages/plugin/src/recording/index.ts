export { parseRecording } from "./parse-recording.ts";
export { type NamedCall, type RecordRequest, recordPlugin } from "./record-plugin.ts";
export { type Recording, recordingText } from "./recording.ts";
