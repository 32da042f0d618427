import { batch, type Signal, signal } from "@preact/signals";
import type {
  OperationDetail,
  OperationFilter,
  OperationMove,
  OperationPage,
  OperationRow,
} from "../../operations.ts";
import { messages } from "../i18n/language.ts";
import { explanationOf } from "./explanation.ts";

export const filter: Signal<OperationFilter> = signal("OPEN");
export const rows: Signal<readonly OperationRow[] | undefined> = signal(undefined);
/** What comes after the rows; undefined at the end. */
export const rest: Signal<string | undefined> = signal(undefined);
export const opened: Signal<OperationDetail | undefined> = signal(undefined);
export const moving: Signal<boolean> = signal(false);
/** What went wrong last with the list, and with what is opened. */
export const listTrouble: Signal<string | undefined> = signal(undefined);
export const moveTrouble: Signal<string | undefined> = signal(undefined);

/** Whoever looks wants it fresh; a person reads no faster than this. */
const refreshMs = 2_000;
const answerWithinMs = 10_000;

/** Reads the list now and again and again. @returns a function that stops it. */
export function watchOperations(): () => void {
  void load();
  const timer = setInterval(() => void load(), refreshMs);
  return () => clearInterval(timer);
}

export function choose(next: OperationFilter): void {
  batch(() => {
    filter.value = next;
    rows.value = undefined;
    rest.value = undefined;
  });
  void load();
}

/** The rows that are shown, as they are now. Pages that were added stay. */
async function load(): Promise<void> {
  const asked = filter.peek();
  const wanted = rows.peek()?.length ?? 0;
  const page = await ask<OperationPage>(`/api/operations?state=${asked}&atLeast=${wanted}`, listTrouble);
  if (page !== undefined && filter.peek() === asked) show(page.operations, page.next);
}

export async function loadMore(): Promise<void> {
  const [asked, after] = [filter.peek(), rest.peek()];
  if (after === undefined) return;
  const page = await ask<OperationPage>(`/api/operations?state=${asked}&after=${after}`, listTrouble);
  if (page === undefined || filter.peek() !== asked) return;
  const before = rows.peek() ?? [];
  const known = new Set(before.map(({ id }) => id));
  show([...before, ...page.operations.filter(({ id }) => !known.has(id))], page.next);
}

function show(operations: readonly OperationRow[], next: string | null): void {
  batch(() => {
    rows.value = operations;
    rest.value = next ?? undefined;
  });
}

export async function open(id: string): Promise<void> {
  moveTrouble.value = undefined;
  const found = await ask<OperationDetail>(`/api/operations/${id}`, listTrouble);
  if (found !== undefined) opened.value = found;
}

export async function make(id: string, move: OperationMove): Promise<void> {
  if (moving.peek()) return;
  moving.value = true;
  const after = await ask<OperationDetail>(`/api/operations/${id}/moves`, moveTrouble, move);
  moving.value = false;
  if (after === undefined) return;
  opened.value = after;
  void load();
}

/** Undefined when it did not work; why then stands in `trouble`. */
async function ask<T>(
  address: string,
  trouble: Signal<string | undefined>,
  body?: object,
): Promise<T | undefined> {
  try {
    const response = await fetch(address, {
      ...(body !== undefined && {
        method: "POST",
        // As in every action: a form of another site cannot send it.
        headers: { "x-outrigger-console": "1", "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
      signal: AbortSignal.timeout(answerWithinMs),
    });
    if (!response.ok) {
      trouble.value = await explanationOf(response);
      return undefined;
    }
    const answer = (await response.json()) as T;
    trouble.value = undefined;
    return answer;
  } catch {
    trouble.value = messages.value.errors.noAnswer;
    return undefined;
  }
}
