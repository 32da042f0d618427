import type { ComponentChildren, JSX } from "preact";
import { useRef, useState } from "preact/hooks";

export interface ChoiceProps<T> {
  readonly label?: string;
  readonly labelledBy?: string;
  readonly describedBy?: string;
  readonly class: string;
  readonly options: readonly T[];
  readonly selected: T | undefined;
  /** The option the server has been asked for; while there is one, nothing else can be chosen. */
  readonly pending?: T | undefined;
  /**
   * Whether an arrow key chooses, as in a form, or only moves. It should only move where a choice has effects
   * out in the world: one does not want to pass through five faults on the way to the sixth.
   */
  readonly arrows: "choose" | "move";
  readonly nameOf: (option: T) => string;
  readonly onChoose: (option: T) => void;
  readonly onPreview?: (option: T | undefined) => void;
  /** Where a grid places the option. */
  readonly rowOf?: (option: T) => number;
  readonly children: (option: T, state: "selected" | "pending" | "idle") => ComponentChildren;
}

/** One of several: a radio group with a single tab stop, arrow keys, Home, End, Space and Enter. */
export function Choice<T extends string | number>(props: ChoiceProps<T>): JSX.Element {
  const { options, selected, pending, onPreview } = props;
  const buttons = useRef(new Map<T, HTMLButtonElement>());
  const [focused, setFocused] = useState<T | undefined>(undefined);
  const tabStop =
    [focused, selected].find((option) => option !== undefined && options.includes(option)) ?? options[0];
  const busy = pending !== undefined;

  const choose = (option: T): void => {
    if (!busy && option !== selected) props.onChoose(option);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    // From the element, not from `focused`: a held key comes again before the state has been rendered.
    const from = options.findIndex((option) => buttons.current.get(option) === event.target);
    const target = destination(event.key, from, options.length);
    const option = target === undefined ? undefined : options[target];
    if (option === undefined) return;
    event.preventDefault();
    buttons.current.get(option)?.focus();
    if (props.arrows === "choose") choose(option);
  };

  return (
    <div
      role="radiogroup"
      class={props.class}
      aria-label={props.label}
      aria-labelledby={props.labelledBy}
      aria-describedby={props.describedBy}
      aria-busy={busy}
      onKeyDown={onKeyDown}
    >
      {options.map((option) => {
        const state = pending === option ? "pending" : selected === option ? "selected" : "idle";
        return (
          // biome-ignore lint/a11y/useSemanticElements: arrow keys choose at once in a native radio group.
          <button
            key={option}
            ref={(button) => {
              if (button === null) buttons.current.delete(option);
              else buttons.current.set(option, button);
            }}
            type="button"
            role="radio"
            class={`is-${state}`}
            style={props.rowOf === undefined ? {} : { gridRow: String(props.rowOf(option)) }}
            aria-checked={selected === option}
            aria-label={props.nameOf(option)}
            // Not `disabled`: that would throw the keyboard's focus away in the middle of an action.
            aria-disabled={busy}
            tabIndex={option === tabStop ? 0 : -1}
            onClick={() => choose(option)}
            onFocus={() => {
              setFocused(option);
              onPreview?.(option);
            }}
            onBlur={() => {
              setFocused(undefined);
              onPreview?.(undefined);
            }}
            onMouseEnter={() => onPreview?.(option)}
            onMouseLeave={() => onPreview?.(undefined)}
          >
            {props.children(option, state)}
          </button>
        );
      })}
    </div>
  );
}

function destination(key: string, from: number, length: number): number | undefined {
  switch (key) {
    case "ArrowDown":
    case "ArrowRight":
      return (from + 1) % length;
    case "ArrowUp":
    case "ArrowLeft":
      return (from - 1 + length) % length;
    case "Home":
      return 0;
    case "End":
      return length - 1;
    default:
      return undefined;
  }
}
