import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasDotSegment, pathTemplate } from "./path-template.ts";

describe("a path", () => {
  test.each([
    ["/v1/charges", {}, "/v1/charges"],
    ["/v1/orders/{id}", { id: "a b" }, "/v1/orders/a%20b"],
    ["/v1/orders/{id}", { id: 7 }, "/v1/orders/7"],
    ["/v1/orders/{id}", { id: 9007199254740993n }, "/v1/orders/9007199254740993"],
    ["/v1/{a}/{b}.json", { a: "x/y", b: "결제" }, "/v1/x%2Fy/%EA%B2%B0%EC%A0%9C.json"],
    ["/v1/{a}:cancel", { a: "%2e%2e%20" }, "/v1/%252e%252e%2520:cancel"],
    ["/v1/{a}", { a: "..." }, "/v1/..."],
    ["/v1/{a}{b}", { a: ".a", b: ".x" }, "/v1/.a.x"],
  ])("%s with its values is %s", (template, params, path) => {
    expect(pathTemplate("path", template).fill(params as never)).toBe(path);
  });

  test.each([
    ["v1", /must start with one "\/"/],
    ["//evil.example/x", /must start with one "\/"/],
    ["https://evil.example/x", /must start with one "\/"/],
    ["/a?b=1", /query option/],
    ["/a#b", /query option/],
    ["/a b", /RFC 3986/],
    ["/a\r\nx: y", /RFC 3986/],
    ["/결제", /RFC 3986/],
    ["/{a-b}", /RFC 3986/],
    ["/{}", /RFC 3986/],
    ["/a/../b", /"\." or "\.\." segments/],
    ["/a/%2e%2E/b", /"\." or "\.\." segments/],
    ["/./b", /"\." or "\.\." segments/],
    [7, /must start with one "\/"/],
  ])("%j is refused at construction", (template, message) => {
    expect(() => pathTemplate("operations.x.path", template)).toThrow(message);
    expect(() => pathTemplate("operations.x.path", template)).toThrow(/^operations\.x\.path /);
  });

  test.each([
    [{}, /params\.id is missing/],
    [{ id: undefined }, /params\.id is missing/],
    [{ id: "" }, /params\.id must not be empty/],
    [{ id: "." }, /must not hold a segment/],
    [{ id: ".." }, /must not hold a segment/],
    [{ id: "../secret" }, /must not hold a segment/],
    [{ id: "a/../b" }, /must not hold a segment/],
    [{ id: "a\\..\\b" }, /must not hold a segment/],
    [{ id: "%2e%2e" }, /must not hold a segment/],
    [{ id: "a%2f..%2fb" }, /must not hold a segment/],
    [{ id: "a\nb" }, /params\.id must not hold control characters/],
    [{ id: "a\u0000" }, /params\.id must not hold control characters/],
    [{ id: "\ud800" }, /well-formed Unicode/],
    [{ id: Number.NaN }, /finite number/],
    [{ id: {} }, /string or a number/],
    [{ id: "x", other: "y" }, /params\.other is not in the path; it has id/],
  ])("values %j are refused, and not shown", (params, message) => {
    expect(() => pathTemplate("path", "/v1/{id}").fill(params as never)).toThrow(message);
  });

  test("keeps every value inside its segment, and a server reads back what was given", () => {
    const { fill } = pathTemplate("path", "/a/{x}/b");
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "grapheme" }), (x) => {
        fc.pre(!/\p{Cc}/u.test(x) && !hasDotSegment(x) && x.isWellFormed());
        const path = new URL(fill({ x }), "http://h").pathname;
        const [, a, value = "", b, ...rest] = path.split("/");
        expect([a, decodeURIComponent(value), b, rest]).toEqual(["a", x, "b", []]);
      }),
    );
  });
});

describe("a path belongs to a template", () => {
  test.each([
    ["/v1/charges", "/v1/charges", true],
    ["/v1/charges", "/v1/charges/", false],
    ["/v1/charges", "/v1/chargesx", false],
    ["/v1/orders/{id}", "/v1/orders/a%2Fb", true],
    ["/v1/orders/{id}", "/v1/orders/", false],
    ["/v1/orders/{id}", "/v1/orders/a/b", false],
    ["/v1/{a}.json", "/v1/x.json", true],
    ["/v1/{a}.json", "/v1/.json", false],
    ["/v1/{a}-{b}", "/v1/1-2-3", true],
    ["/v1/{a}-{b}", "/v1/1-", false],
    ["/v1/{a}-{b}", "/v1/-1", false],
    ["/v1/{a}{b}", "/v1/x", false],
    ["/v1/{a}{b}", "/v1/xy", true],
    ["/{a}/cancel", "/x/cancel", true],
    ["/{a}/cancel", "/x/confirm", false],
  ])("%s and %s: %s", (template, path, belongs) => {
    expect(pathTemplate("path", template).matches(path)).toBe(belongs);
  });

  test("if values make it, whatever they are", () => {
    const template = pathTemplate("path", "/a/{x}-{y}/b{z}");
    const value = fc
      .string({ minLength: 1, unit: "grapheme" })
      .filter((x) => !/\p{Cc}/u.test(x) && !hasDotSegment(x) && x.isWellFormed());
    fc.assert(
      fc.property(value, value, value, (x, y, z) => {
        expect(template.matches(template.fill({ x, y, z }))).toBe(true);
      }),
    );
  });
});
