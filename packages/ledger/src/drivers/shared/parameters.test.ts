import { expect, test } from "vitest";
import { parameter, statement } from "./parameters.ts";

test("a list is written as PostgreSQL reads it, and everything else goes through", () => {
  expect(parameter(["a", 'b"c', "d\\e", "", "null", null, 1, "f,g{}"])).toBe(
    '{"a","b\\"c","d\\\\e","","null",null,"1","f,g{}"}',
  );
  expect(parameter([])).toBe("{}");
  for (const value of ["{}", 1, true, null, undefined]) expect(parameter(value)).toBe(value);
});

test("JSON travels as text, where there are values", () => {
  const text = "select * from json_to_recordset($1::json), $2::jsonb, $12::json, '{}'::json, $3::jsonbx";
  expect(statement(text, [1])).toBe(
    "select * from json_to_recordset($1::text::json), $2::text::jsonb, $12::text::json, '{}'::json, $3::jsonbx",
  );
  expect(statement(text, [])).toBe(text);
});
