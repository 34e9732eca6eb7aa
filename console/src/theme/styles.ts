/** What every element's shadow root shares: controls, tables, lists of facts, the words of severity. */
import { css } from "lit";

export const base = css`
  *, *::before, *::after { box-sizing: border-box; }
  :host { font-variant-numeric: tabular-nums; }
  :host([hidden]), [hidden] { display: none !important; }
  h1, h2, h3, h4, p, ul, ol, dl, dd, figure, table { margin: 0; padding: 0; }
  ul, ol { list-style: none; }
  h1 { font-size: var(--size-xl); line-height: 1.25; font-weight: 600; }
  h2 { font-size: var(--size-l); line-height: 1.3; font-weight: 600; }
  h3 { font-size: var(--size-s); font-weight: 600; color: var(--soft); }
  a { color: var(--select); text-underline-offset: 2px; }
  :focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 3px; }
  button, input, select, textarea { font: inherit; color: inherit; }
  button, .button {
    display: inline-flex; align-items: center; justify-content: center; gap: 0.4rem; min-height: 2rem; padding: 0.2rem 0.75rem;
    border: 1px solid var(--line-strong); border-radius: var(--radius); background: var(--raised); color: var(--text);
    cursor: pointer; text-decoration: none; font-weight: 500;
  }
  button:hover, .button:hover { background: var(--pressed); }
  button.primary, .button.primary { background: var(--select); border-color: var(--select); color: var(--on-select); font-weight: 600; }
  button.primary:hover, .button.primary:hover { filter: brightness(1.1); }
  button.quiet, .button.quiet { border-color: transparent; background: transparent; }
  button.quiet:hover, .button.quiet:hover { background: var(--pressed); }
  button:disabled, button[aria-disabled="true"] { opacity: 0.55; cursor: not-allowed; }
  button[aria-pressed="true"] { border-color: var(--select); background: var(--select-ground); }
  input:not([type="checkbox"], [type="radio"], [type="range"], [type="file"]), select, textarea {
    min-height: 2rem; padding: 0.25rem 0.5rem; border: 1px solid var(--line-strong); border-radius: var(--radius);
    background: var(--ground); width: 100%;
  }
  input[type="range"] { appearance: none; width: 100%; height: 1.2rem; background: transparent; cursor: pointer; }
  input[type="range"]::-webkit-slider-runnable-track { height: 3px; border-radius: 2px; background: var(--line-strong); }
  input[type="range"]::-moz-range-track { height: 3px; border-radius: 2px; background: var(--line-strong); }
  input[type="range"]::-webkit-slider-thumb { appearance: none; width: 1rem; height: 1rem; margin-top: calc(1.5px - 0.5rem); border-radius: 50%; border: 2px solid var(--panel); background: var(--text); }
  input[type="range"]::-moz-range-thumb { width: 0.8rem; height: 0.8rem; border-radius: 50%; border: 2px solid var(--panel); background: var(--text); }
  input[type="checkbox"], input[type="radio"] { accent-color: var(--select); width: 1.1rem; height: 1.1rem; }
  label { display: block; font-size: var(--size-s); color: var(--soft); }
  kbd {
    display: inline-block; min-width: 1.4em; padding: 0 0.35em; text-align: center; font: 500 0.8em/1.5 var(--font);
    border: 1px solid var(--line-strong); border-bottom-width: 2px; border-radius: 4px; color: var(--soft);
  }
  table { width: 100%; border-collapse: collapse; }
  th { text-align: left; font-weight: 600; font-size: var(--size-s); color: var(--soft); }
  th, td { padding: 0.35rem 0.6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
  th:first-child, td:first-child { padding-left: 0; }
  .number { text-align: right; white-space: nowrap; }
  .soft { color: var(--soft); }
  .small { font-size: var(--size-s); }
  .mono { font: 0.85em/1.5 var(--mono); overflow-wrap: anywhere; }
  .row { display: flex; flex-wrap: wrap; align-items: center; gap: var(--gap); }
  .stack { display: grid; gap: var(--gap); align-content: start; }
  .facts { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1rem; }
  .facts dt { color: var(--soft); }
  .notice { padding: 0.6rem 0.8rem; border: 1px solid var(--line-strong); border-radius: var(--radius); background: var(--raised); }
  .notice.fault { border-left: 4px solid var(--extreme); }
  .severity { display: inline-flex; align-items: center; gap: 0.35rem; font-weight: 600; color: var(--tone, var(--unknown)); }
  .severity svg { flex: none; }
  .Extreme { --tone: var(--extreme); --tone-ground: var(--extreme-ground); }
  .Severe { --tone: var(--severe); --tone-ground: var(--severe-ground); }
  .Moderate { --tone: var(--moderate); --tone-ground: var(--moderate-ground); }
  .Minor { --tone: var(--minor); --tone-ground: var(--minor-ground); }
  .Unknown { --tone: var(--unknown); --tone-ground: var(--unknown-ground); }
  .visually-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  @media (prefers-reduced-motion: reduce) {
    *, *::before, *::after { animation: none !important; transition: none !important; }
  }
`;
