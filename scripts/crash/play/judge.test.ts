import { expect, test } from "vitest";
import { judge, type Seen } from "./judge.ts";
import type { JournalLine } from "./provider.ts";

const line = (kind: JournalLine["kind"], provider = "a"): JournalLine => ({
  kind,
  provider,
  order: "o",
  key: "k",
  atMs: 0,
});
const seen: Seen = {
  promised: "exactly-once-effect",
  journal: [],
  order: undefined,
  withPerson: false,
  providerRefuses: false,
};
const charged = [line("charge")];
const undone = [...charged, line("cancel")];

test.each<[string, Partial<Seen>]>([
  ["nothing happened, and there is no order", {}],
  ["charged and paid", { journal: charged, order: "paid" }],
  ["not charged and void", { order: "void" }],
  ["charged, undone and void", { journal: undone, order: "void" }],
  [
    "one provider's was undone before the other's",
    { journal: [...undone, line("charge", "b")], order: "paid" },
  ],
  [
    "with a person where that is the promise",
    { promised: "eventually-consistent", order: "pending", withPerson: true },
  ],
  [
    "with a person because the provider refuses",
    { journal: charged, order: "pending", withPerson: true, providerRefuses: true },
  ],
  [
    "a difference that is seen, where no more is promised",
    { promised: "detect-only", journal: charged, order: "void", withPerson: true },
  ],
  [
    "anything with one effect, where nothing is promised",
    { promised: "none", journal: charged, order: "void" },
  ],
])("%s: kept", (_, change) => {
  expect(judge({ ...seen, ...change })).toEqual([]);
});

test.each<[string, Partial<Seen>]>([
  ["1 effects stand at the end, and the order is void", { journal: charged, order: "void" }],
  ["1 effects stand at the end, and the order is not there", { journal: charged }],
  ["0 effects stand at the end, and the order is paid", { journal: undone, order: "paid" }],
  [
    "2 effects stood at the same time",
    { journal: [...charged, line("charge", "b"), line("cancel", "b")], order: "paid" },
  ],
  [
    "2 effects stood at the same time",
    { promised: "none", journal: [...charged, ...charged], order: "void" },
  ],
  ["the order is pending, and nobody is shown it", { promised: "detect-only", order: "pending" }],
  ["a person is needed although the provider answers", { order: "pending", withPerson: true }],
  [
    "1 effects stand at the end, and the order is void",
    { promised: "eventually-consistent", journal: charged, order: "void", withPerson: true },
  ],
])("broken: %s", (wrong, change) => {
  expect(judge({ ...seen, ...change })).toContain(wrong);
});
