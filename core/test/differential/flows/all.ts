// Every flow that is played.
import type { Flow } from '../flow.ts';
import { classicGroups } from './classic-groups.ts';
import { configs } from './configs.ts';
import { consumerGroups } from './consumer-groups.ts';
import { framing } from './framing.ts';
import { operations } from './operations.ts';
import { records } from './records.ts';
import { security } from './security.ts';
import { shareGroups } from './share-groups.ts';
import { topics } from './topics.ts';
import { transactions } from './transactions.ts';

export const FLOWS: readonly Flow[] = [
  ...framing,
  ...topics,
  ...records,
  ...configs,
  ...classicGroups,
  ...consumerGroups,
  ...shareGroups,
  ...transactions,
  ...operations,
  ...security,
];
