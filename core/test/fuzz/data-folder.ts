import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { recordsOf } from '../../protocol/record.ts';
import { batchesIn } from '../../protocol/record-batch.ts';

/** Reads every record of every segment below a folder. Returns how many, and what cannot be read. */
export function rescanDataFolder(folder: string): { readonly records: number; readonly problems: readonly string[] } {
  const problems: string[] = [];
  let records = 0;
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.log')) continue;
    const bytes = readFileSync(join(folder, name));
    let at = 0;
    let nextOffset = 0;
    try {
      for (const batch of batchesIn(bytes)) {
        if (!batch.isCrcValid) problems.push(`${name}: the batch at ${at} does not fit its CRC`);
        if (batch.baseOffset < nextOffset) problems.push(`${name}: offset ${batch.baseOffset} after ${nextOffset}`);
        for (const _ of recordsOf(batch)) records++;
        nextOffset = batch.nextOffset;
        at += batch.bytes;
      }
      if (at !== bytes.length) problems.push(`${name}: ${bytes.length - at} bytes behind the last batch`);
    } catch (error) {
      problems.push(`${name}: at ${at}: ${error}`);
    }
  }
  return { records, problems };
}
