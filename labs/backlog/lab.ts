/** The lab `backlog`: millions of messages behind for hours, and what a temporary topic with ten times the partitions does about it. */
import type { Lab } from '../kit/lab.ts';
import { SCENARIOS } from './scenarios.ts';

export const lab: Lab = {
  name: 'backlog',
  title: 'A backlog of hours',
  question: 'Millions of messages have been waiting for hours. How do you clear them?',
  claims: ['C76', 'C77'],
  scenarios: SCENARIOS,
  conclusions: [],
  text: { en: new URL('./text.en.md', import.meta.url) },
  limits: [],
};
