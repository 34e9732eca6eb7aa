/** The keyboard: bindings by element, one key or a pair such as "g h", none while somebody types. */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import { deepActive } from "../common/dialog";
import type { Key } from "../i18n";

export interface Binding {
  key: string; // KeyboardEvent.key, or two of them: "g h"
  label: Key;
  group: Key;
  run(): void;
  when?(): boolean;
}

const PAIR_MS = 1_500;
const bound = new Set<readonly Binding[]>();
let first: { key: string; at: number } | null = null;

export function bind(bindings: readonly Binding[]): () => void {
  bound.add(bindings);
  return () => bound.delete(bindings);
}

/** Everything that can be pressed now, the latest bound first. */
export function allBindings(): Binding[] {
  return [...bound].reverse().flat();
}

/** Keeps an element's bindings while it is in the page. */
export class Keys implements ReactiveController {
  private release: (() => void) | undefined;

  constructor(
    host: ReactiveControllerHost,
    private readonly bindings: readonly Binding[],
  ) {
    host.addController(this);
  }

  hostConnected(): void {
    this.release = bind(this.bindings);
  }

  hostDisconnected(): void {
    this.release?.();
  }
}

export function isTyping(element: Element | null): boolean {
  return !!element?.matches(
    "textarea, select, input:not([type=checkbox], [type=radio], [type=range], [type=button]), [contenteditable]",
  );
}

/** Which binding a key means, given the key before it: a pair first, then a single key. */
export function find(bindings: readonly Binding[], key: string, before: string | null): Binding | undefined {
  const usable = bindings.filter((each) => !each.when || each.when());
  return (
    (before ? usable.find((each) => each.key === `${before} ${key}`) : undefined) ??
    usable.find((each) => each.key === key)
  );
}

function onKey(event: KeyboardEvent): void {
  if (
    event.defaultPrevented ||
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    document.querySelector("alm-question, alm-help, alm-search")
  )
    return;
  const active = deepActive();
  if (isTyping(active) && event.key !== "Escape") return;
  // Enter and space belong to what has the focus, if it can be pressed.
  if ((event.key === "Enter" || event.key === " ") && active?.matches("a, button, summary, [role=button]")) return;
  const now = performance.now();
  const before = first && now - first.at < PAIR_MS ? first.key : null;
  const found = find(allBindings(), event.key, before);
  first = null;
  if (found) {
    event.preventDefault();
    found.run();
  } else if (allBindings().some((each) => each.key.startsWith(`${event.key} `))) {
    first = { key: event.key, at: now };
  }
}

export function listen(): void {
  window.addEventListener("keydown", onKey);
}
