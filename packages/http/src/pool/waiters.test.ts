import fc from "fast-check";
import { expect, test } from "vitest";
import { type Place, WaiterQueue } from "./waiters.ts";

test("the queue behaves as a list from which anyone may leave, in any order of joining, leaving and serving", () => {
  const move = fc.oneof(
    fc.constant({ type: "push" } as const),
    fc.constant({ type: "shift" } as const),
    fc.record({ type: fc.constant("leave" as const), which: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.array(move, { maxLength: 200 }), (moves) => {
      const queue = new WaiterQueue<number>();
      const places: Place<number>[] = [];
      let model: number[] = [];
      let next = 0;
      for (const each of moves) {
        if (each.type === "push") {
          places.push(queue.push(next));
          model.push(next++);
        } else if (each.type === "shift") {
          expect(queue.shift()).toBe(model.shift());
        } else if (places.length > 0) {
          const place = places[each.which % places.length] as Place<number>;
          expect(queue.leave(place)).toBe(model.includes(place.value));
          model = model.filter((value) => value !== place.value);
        }
        expect(queue.size).toBe(model.length);
      }
    }),
  );
});
