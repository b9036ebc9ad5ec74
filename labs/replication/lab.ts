/**
 * The lab `replication` (C40 to C47): how the brokers of a cluster keep agreement, and what it costs when one of them dies.
 *
 * Invariant: what must always hold is watched after every step of every simulated run, and tried by random search; what is a number or an order is measured.
 */
import type { ClientSettings } from '@mqlab/reports/run-data.ts';
import { clientVersion } from '../kit/drivers/versions.ts';
import type { Lab } from '../kit/lab.ts';
import { CAREFUL } from './cluster-settings.ts';
import { SCENARIOS } from './scenarios.ts';

const CLIENTS: readonly ClientSettings[] = [
  {
    name: 'mqlab',
    version: clientVersion('mqlab'),
    settings: {
      acks: 'all, the default since Kafka 3.0; 1, the default before, where the scenario says so',
      'enable.idempotence': 'true, the default since Kafka 3.0; false, the default before, where the scenario says so',
      'linger.ms': '0',
      'everything else': 'the default of the client',
    },
  },
  { name: 'brokers', version: clientVersion('mqlab'), settings: CAREFUL },
];

export const lab: Lab = {
  name: 'replication',
  title: 'How a cluster keeps agreement',
  question: 'How do the brokers of a cluster keep agreement, and what happens when one of them dies?',
  claims: ['C40', 'C41', 'C42', 'C43', 'C44', 'C45', 'C46', 'C47'],
  scenarios: SCENARIOS,
  conclusions: [
    {
      claim: 'C40',
      verdict: 'conditional',
      scope:
        'writes go to the leader alone and followers pull; consumers read from the leader unless it sends them to a follower, which takes client.rack and a rack-aware selector on the brokers (KIP-392)',
    },
    {
      claim: 'C41',
      verdict: 'confirmed',
      scope:
        'a follower that cannot fetch leaves between one and one and a half times replica.lag.time.max.ms later, and comes back as soon as it has caught up; the leader itself is in the ISR; a follower that loses its session leaves earlier',
    },
    {
      claim: 'C42',
      verdict: 'confirmed',
      scope:
        'the minimum is over the in-sync replicas: the watermark passed one that was out of sync, never one in sync, and no reader got anything at or beyond it',
    },
    {
      claim: 'C43',
      verdict: 'conditional',
      scope:
        'replicas agree under every schedule tried; they cut by leader epoch since 0.11, not by watermark; with acks=1 acknowledged records are cut off, without idempotence a retry stands twice, and both are consistent',
    },
    {
      claim: 'C44',
      verdict: 'confirmed',
      scope:
        'when a leader dies: the first live in-sync replica in the order of assignment, which is not the order of the in-sync list; a live leader stays until a preferred election',
    },
    {
      claim: 'C45',
      verdict: 'confirmed',
      scope:
        'a topic that is made with a replication factor; assignments by hand and brokers added later are not evened out',
    },
    {
      claim: 'C46',
      verdict: 'conditional',
      scope:
        'hardly at all for a clean shutdown; for a killed leader the session time-out and an election; when it was the active controller too, Apache Kafka waits for the election of another one and then for a whole session, this broker only for the rest of it; for one without power a time-out of the client’s connection comes on top',
    },
    {
      claim: 'C47',
      verdict: 'confirmed',
      scope:
        'three controllers: with one lost everything goes on after an election; with two lost writes and reads go on, and nobody is elected, no topic is made, no replica leaves or joins the ISR',
    },
  ],
  text: { en: new URL('./text.en.md', import.meta.url) },
  // Loaded when they are taken: a worker of a campaign needs none of it.
  figures: async (context) => (await import('./figures/figures.ts')).replicationFigures(context),
  clients: CLIENTS,
  limits: [
    'Up to five nodes. Sessions, lag and elections are shorter than any that production would choose, and stand in the same order; the outages are given for the default session too.',
    'What nodes hold (log ends, watermarks) can be looked at in the simulator alone; on real processes the same code runs, and is asked over the wire.',
    'Time in the simulator is virtual: outages there say what the protocol takes, not what this machine takes.',
    'Loss that is legal is kept out of the campaign: unclean elections, and power cut of every in-sync replica before anything is flushed. They are the question of the lab acks.',
    'ZooKeeper is not here to be compared with: Kafka 4 has none.',
  ],
};
