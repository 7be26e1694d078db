import type { VNode } from "preact";
import { Document } from "./document";
import { usualTitle } from "./page-photo";

export type Refused = "not yet tried" | "wrong" | { waitMinutes: number };

/** The password form of a link; reveals nothing about what is shared. */
export function renderPasswordPage({ base, refused }: { base: string; refused: Refused }): VNode {
  const fault = faultOf(refused);
  return (
    // The error is the title: screen readers read the title first when the page reloads.
    <Document base={base} title={fault ?? "This link has a password"} kind="form">
      <form method="post" action={`${base}/unlock`}>
        <h1>{usualTitle}</h1>
        <p id="about">Whoever sent you this link can tell you its password.</p>
        {fault && (
          <p id="fault" class="fault" role="alert">
            {fault}
          </p>
        )}
        <label for="password">Password</label>
        <input
          id="password"
          name="password"
          type="password"
          autocomplete="off"
          required
          autofocus
          aria-invalid={fault ? "true" : undefined}
          aria-describedby={fault ? "fault" : "about"}
        />
        <button>Open</button>
      </form>
    </Document>
  );
}

function faultOf(refused: Refused): string | null {
  if (refused === "not yet tried") return null;
  if (refused === "wrong") return "That is not the password.";
  const { waitMinutes } = refused;
  const wait = waitMinutes === 1 ? "a minute" : `${waitMinutes} minutes`;
  return `Too many tries. Try again in ${wait}.`;
}

/** The page before a link with `max_views`: loading it counts no visit and reveals nothing about what is shared. */
export function renderOpenPage({ base }: { base: string }): VNode {
  return (
    <Document base={base} title={usualTitle} kind="form">
      <form method="post" action={`${base}/unlock`}>
        <h1>{usualTitle}</h1>
        <p>
          This link can be opened a limited number of times. Once open, it stays open in this
          browser for a day.
        </p>
        <button>Open</button>
      </form>
    </Document>
  );
}
