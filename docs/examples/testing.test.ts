import { test } from "vitest";
import { testsAPipeline } from "./testing.ts";

test("the example of a pipeline's test passes", testsAPipeline);
