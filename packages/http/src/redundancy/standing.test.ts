import { expect, test } from "vitest";
import { Standing } from "./standing.ts";
import { type StandingMove, type StandingState, standingTable, stepStanding } from "./standing-table.ts";

const rules = { firstShare: 0.1, rampUpMs: 1_000 };

function standing(): { standing: Standing; moves: string[] } {
  const moves: string[] = [];
  return { standing: new Standing(rules, (from, to) => moves.push(`${from} ${to}`)), moves };
}

test("every pair of state and move leads where the table says, and nowhere else", () => {
  const states: StandingState[] = ["up", "down", "trial", "recovering"];
  const moves: StandingMove[] = ["open", "halfOpen", "closed", "rampedUp", "resumed"];
  const visited = states.map((from) => moves.map((move) => stepStanding(from, move)));
  expect(visited).toEqual([
    ["down", "trial", "up", "up", "recovering"],
    ["down", "trial", "recovering", "down", "down"],
    ["down", "trial", "recovering", "trial", "trial"],
    ["down", "trial", "recovering", "up", "recovering"],
  ]);
  expect(Object.keys(standingTable)).toEqual(states);
});

test("a provider is never up again without a ramp-up after its circuit was seen open", () => {
  for (const from of ["down", "trial"] as const) {
    for (const move of ["open", "halfOpen", "closed", "rampedUp", "resumed"] as const) {
      expect(stepStanding(from, move)).not.toBe("up");
    }
  }
});

test("a provider that comes back gets a tenth, then a growing share, then all of its calls", () => {
  const { standing: it, moves } = standing();
  it.observe({ state: "open", admittedShare: undefined }, 0);
  expect(it.share(0)).toBe(0);
  it.observe({ state: "halfOpen", admittedShare: undefined }, 100);
  expect(it.share(100)).toBe(0.1);
  it.observe({ state: "closed", admittedShare: undefined }, 200);
  expect([200, 700, 1_199, 1_200, 5_000].map((atMs) => it.share(atMs))).toEqual([
    0.1,
    0.55,
    expect.closeTo(0.9991),
    1,
    1,
  ]);
  it.observe({ state: "closed", admittedShare: undefined }, 1_199);
  expect(it.state).toBe("recovering");
  it.observe({ state: "closed", admittedShare: undefined }, 1_200);
  expect(it.state).toBe("up");
  expect(moves).toEqual(["up down", "down trial", "trial recovering", "recovering up"]);
});

test("a relapse during the ramp-up takes everything away again, and the next ramp-up starts from the bottom", () => {
  const { standing: it } = standing();
  it.observe({ state: "open", admittedShare: undefined }, 0);
  it.observe({ state: "closed", admittedShare: undefined }, 0);
  expect(it.share(900)).toBeCloseTo(0.91);
  it.observe({ state: "open", admittedShare: undefined }, 900);
  expect(it.share(900)).toBe(0);
  it.observe({ state: "closed", admittedShare: undefined }, 901);
  expect(it.share(901)).toBe(0.1);
});

test("no more is sent than the circuit's own ramp-up lets through", () => {
  const { standing: it } = standing();
  it.observe({ state: "closed", admittedShare: 0.3 }, 0);
  expect(it.share(0)).toBe(0.3);
  it.step("resumed", 0);
  expect([it.share(0), it.share(900)]).toEqual([0.1, 0.3]);
});

test("a provider without a circuit stays up, because nothing is known of its health", () => {
  const { standing: it } = standing();
  it.observe(null, 0);
  expect([it.state, it.share(0)]).toEqual(["up", 1]);
});
