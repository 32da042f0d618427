export { seededRandom } from "./chance/seeded-random.ts";
export { VirtualClock } from "./time/virtual-clock.ts";
