export { type Daemon, type DaemonOptions, startDaemon } from "./daemon/start-daemon.ts";
