export { boundedAnswers } from "./bounded-answers.ts";
export { boundedBytes, boundedMessage, boundedMessages, type MessageLimits } from "./bounded-messages.ts";
export { safely } from "./safely.ts";
export { Turns } from "./turns.ts";
export { TurnsOfEach } from "./turns-of-each.ts";
