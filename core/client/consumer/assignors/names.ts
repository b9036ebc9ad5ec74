import { ConfigError } from '../../settings.ts';

/** The names under which Kafka's assignors meet in a group. */
export const ASSIGNOR_NAMES = ['range', 'roundrobin', 'sticky', 'cooperative-sticky'] as const;
export type AssignorName = (typeof ASSIGNOR_NAMES)[number];

const CLASSES: Readonly<Record<string, AssignorName>> = {
  RangeAssignor: 'range',
  RoundRobinAssignor: 'roundrobin',
  StickyAssignor: 'sticky',
  CooperativeStickyAssignor: 'cooperative-sticky',
};

/** Takes an assignor's name, or the name of Kafka's Java class for it. Throws ConfigError. */
export function assignorOfClass(given: string): AssignorName {
  const name = ASSIGNOR_NAMES.find((each) => each === given);
  if (name !== undefined) return name;
  const byClass = CLASSES[given.replace(/^org\.apache\.kafka\.clients\.consumer\./, '')];
  if (byClass !== undefined) return byClass;
  const setting = 'partition.assignment.strategy';
  throw new ConfigError(
    setting,
    `${setting}: ${JSON.stringify(given)} is not allowed; allowed: ${ASSIGNOR_NAMES.join(', ')}`,
  );
}
