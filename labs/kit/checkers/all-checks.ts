/** Every checker with its default options, by family: what a lab takes when it has no reason to choose. */
import type { Check } from './check.ts';
import { commitOrder } from './commit-order.ts';
import { conservation } from './conservation.ts';
import { cycles } from './cycles.ts';
import { duplicate } from './duplicate.ts';
import { effectCount } from './effect-count.ts';
import { inconsistentOffset } from './inconsistent-offset.ts';
import { keyOrder } from './key-order.ts';
import { lostWrite } from './lost-write.ts';
import { owner } from './owner.ts';
import { pollOrder } from './poll-order.ts';
import { sendOrder } from './send-order.ts';
import { transactionReads } from './transaction-reads.ts';

/** The broker's promises. */
export const LOG_CHECKS: readonly Check[] = [
  inconsistentOffset,
  duplicate,
  lostWrite,
  pollOrder,
  sendOrder,
  transactionReads,
  cycles,
];

/** The application's promises. */
export const APPLICATION_CHECKS: readonly Check[] = [effectCount(), keyOrder, commitOrder(), owner, conservation()];
