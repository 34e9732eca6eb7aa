/** What the alarm is for, apart from how it sounds. */
import type { Card } from "../api/types";

/** What sounds now: alarms that nobody acknowledged. */
export function sounding(queue: readonly Card[]): Card[] {
  return queue.filter((card) => card.alarm && !card.acknowledged);
}
