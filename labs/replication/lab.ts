/** The lab `replication` (C40 to C47). */
import type { Lab } from '../kit/lab.ts';
import { agreement } from './agreement/scenario.ts';

export const lab: Lab = {
  name: 'replication',
  title: 'How a cluster keeps agreement',
  question: 'How do the brokers of a cluster keep agreement, and what happens when one of them dies?',
  claims: ['C43'],
  scenarios: [agreement],
  conclusions: [{ claim: 'C43', verdict: 'confirmed', scope: '' }],
  text: { en: new URL('./text.en.md', import.meta.url) },
  limits: [],
};
