import type { ComponentChildren, JSX } from "preact";

type Icon = () => JSX.Element;

/** Icons are decoration: the words beside them carry the meaning, so they are hidden from screen readers. */
function Glyph({ children, size = 16 }: { children: ComponentChildren; size?: number }): JSX.Element {
  return (
    <svg class="glyph" viewBox="0 0 16 16" width={size} height={size} aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

export const Mark: Icon = () => (
  <svg class="mark" viewBox="0 0 32 32" width="30" height="30" aria-hidden="true" focusable="false">
    <path class="mark-hull" d="M3 19h17.500c-.9 4-3.700 6-8.700 6S3.900 23 3 19z" />
    <path class="mark-float" d="M23.500 19H29c-.3 2.700-1.200 4-2.700 4s-2.500-1.300-2.800-4z" />
    <path
      class="mark-boom"
      d="M7 18.500C9 7 23 5.500 26.300 18.500M14.500 18.500C16 11.500 23 10.500 26.300 18.500"
    />
  </svg>
);

export const Tick: Icon = () => (
  <Glyph>
    <path class="stroke" d="M3 8.500 6.500 12 13 4.500" />
  </Glyph>
);

export const Cross: Icon = () => (
  <Glyph>
    <path class="stroke" d="M4 4l8 8M12 4l-8 8" />
  </Glyph>
);

export const Warning: Icon = () => (
  <Glyph>
    <path class="stroke" d="M8 2.300 14.500 13.500h-13zM8 6.500v3.200M8 11.600v.2" />
  </Glyph>
);

export const Clock: Icon = () => (
  <Glyph>
    <circle class="stroke" cx="8" cy="8" r="6" />
    <path class="stroke" d="M8 4.500V8l2.300 1.500" />
  </Glyph>
);

export const Bolt: Icon = () => (
  <Glyph>
    <path class="fill" d="M9.200 1 3 9.200h4L6.400 15 13 6.500H8.800z" />
  </Glyph>
);

export const Power: Icon = () => (
  <Glyph>
    <path class="stroke" d="M8 1.800v6M4.600 4.300a5 5 0 1 0 6.800 0" />
  </Glyph>
);

export const Heal: Icon = () => (
  <Glyph>
    <path class="stroke" d="M8 3v10M3 8h10" />
  </Glyph>
);

/** A switch in a wire, as an electrician draws it: the arm lies, stands open, or hangs in between. */
export const circuitIcons: Readonly<Record<"closed" | "open" | "halfOpen", Icon>> = {
  closed: () => (
    <CircuitGlyph>
      <path class="stroke" d="M10 10h12" />
    </CircuitGlyph>
  ),
  open: () => (
    <CircuitGlyph>
      <path class="stroke" d="M10 10 19.500 2" />
    </CircuitGlyph>
  ),
  halfOpen: () => (
    <CircuitGlyph>
      <path class="stroke dashed" d="M10 10 21.500 6" />
    </CircuitGlyph>
  ),
};

function CircuitGlyph({ children }: { children: ComponentChildren }): JSX.Element {
  return (
    <svg class="glyph" viewBox="0 0 32 14" width="32" height="14" aria-hidden="true" focusable="false">
      <path class="stroke" d="M0 10h8M24 10h8" />
      <circle class="fill" cx="9" cy="10" r="2" />
      <circle class="fill" cx="23" cy="10" r="2" />
      {children}
    </svg>
  );
}
