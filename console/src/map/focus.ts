/** What the map is asked to point at: the chosen hazard with its places and evidence, and where to look. */
import type { Box, EvidencePixel, Position } from "../api/types";

class Focus extends EventTarget {
  hazard: string | null = null;
  exposed: ReadonlySet<string> = new Set();
  evidence: readonly EvidencePixel[] = [];
  names: ReadonlyMap<string, string> = new Map(); // of places
  private wanted: Box | Position | null = null;

  choose(hazard: string | null): void {
    if (hazard === this.hazard) return;
    this.hazard = hazard;
    this.exposed = new Set();
    this.evidence = [];
    this.dispatchEvent(new Event("change"));
  }

  add(exposed: Iterable<string>, evidence: readonly EvidencePixel[] | null = null): void {
    this.exposed = new Set(exposed);
    if (evidence) this.evidence = evidence;
    this.dispatchEvent(new Event("change"));
  }

  /** Asks the map to show a box, or a position; a map that is not there yet does so once it is. */
  look(at: Box | Position): void {
    this.wanted = at;
    this.dispatchEvent(new Event("look"));
  }

  takeWanted(): Box | Position | null {
    const at = this.wanted;
    this.wanted = null;
    return at;
  }
}

export const focus = new Focus();
