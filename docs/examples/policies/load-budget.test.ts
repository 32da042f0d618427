import { test } from "vitest";
import {
  boundsTheLoad,
  keepsAPartForEachOperation,
  saysWhenItIsEmpty,
  sharesOneBudget,
  throttlesLikeGrpc,
  triplesTheLoad,
} from "./load-budget.ts";

test("retries and hedges share one budget", sharesOneBudget);
test("an operation that fails leaves the others their part", keepsAPartForEachOperation);
test("an empty budget ends the call with its own failure", saysWhenItIsEmpty);
test("a retry throttle ends retries after a few failures", throttlesLikeGrpc);
test("a budget for each call bounds nothing", triplesTheLoad);
test("one budget for the service bounds the load", boundsTheLoad);
