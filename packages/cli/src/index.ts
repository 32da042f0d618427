export { exitCodes } from "./exit.ts";
export { main } from "./main.ts";
export type { Streams } from "./terminal/terminal.ts";
