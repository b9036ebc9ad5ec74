/** How uneven a day of the given records is, where they carry dates: the fullest hour of the day over the mean hour. */
import type { InputRecord } from '../kit/input.ts';

/** Fewer dated records than this say nothing. */
const RECORDS_MIN = 500;
const DATED = /\d{4}[-/]\d{2}[-/]\d{2}[ T](\d{2}):\d{2}/;

/** null where the records have no time of day. */
export function peakHourFactor(records: readonly Pick<InputRecord, 'value'>[]): number | null {
  const hours = new Array<number>(24).fill(0);
  let dated = 0;
  for (const { value } of records) {
    const hour = Number(DATED.exec(value)?.[1] ?? Number.NaN);
    if (!(hour >= 0 && hour < 24)) continue;
    hours[hour]!++;
    dated++;
  }
  return dated < RECORDS_MIN ? null : Math.max(...hours) / (dated / hours.length);
}
