/** All ways to consume, in the order of the report. */
import { CHECK_PROCESS_SET, CHECK_SET_PROCESS, SET_NX_AFTER, SET_NX_FIRST, SET_NX_LEASE } from './global-id.ts';
import { SET_LATEST, SET_LATEST_IF_NEWER, SET_PER_FLIGHT } from './overwrite.ts';
import { INSERT, LOOK_UP_THEN_INSERT, UPSERT, UPSERT_ADDING } from './primary-key.ts';
import type { Strategy } from './strategy.ts';
import { INBOX_THEN_OUTSIDE, OUTBOX_RELAY, UNIQUE, UNIQUE_APART } from './unique-constraint.ts';

export const STRATEGIES: readonly Strategy[] = [
  INSERT,
  LOOK_UP_THEN_INSERT,
  UPSERT,
  UPSERT_ADDING,
  SET_PER_FLIGHT,
  SET_LATEST,
  SET_LATEST_IF_NEWER,
  CHECK_PROCESS_SET,
  CHECK_SET_PROCESS,
  SET_NX_FIRST,
  SET_NX_AFTER,
  SET_NX_LEASE,
  UNIQUE_APART,
  UNIQUE,
  INBOX_THEN_OUTSIDE,
  OUTBOX_RELAY,
];
