import { randomUUID } from "node:crypto";

/** A key that nobody guesses and that no other process makes: this is where the package meets the system's randomness. */
export const newKey: () => string = randomUUID;
