import { ErrorCode } from '../protocol/errors.ts';
import { SUPPORTED_FEATURES } from './features.ts';
import type { Handler } from './handler.ts';
import type { BrokerServices } from './services.ts';

/**
 * APIs that belong to a feature: while the cluster's level is 0 they answer UNSUPPORTED_VERSION, each in its own words, as Kafka does. They stay in
 * ApiVersions, from which clients also learn the level.
 *
 * The broker's own group.coordinator.rebalance.protocols closes the gate of consumer groups as well. As in Kafka 4.3 it hides neither the APIs nor the
 * feature, and share groups do not ask it: `share` (and `streams`, which is not served here) may stand in the list or not.
 */
interface Gate {
  readonly feature: string;
  /** What group.coordinator.rebalance.protocols must name. */
  readonly protocol?: string;
  // biome-ignore lint/suspicious/noExplicitAny: a request and a response of any of the APIs
  refuse(request: any): any;
}

const errorCode = ErrorCode.UNSUPPORTED_VERSION;
const whole = () => ({ errorCode });
const CONSUMER_GROUPS = { feature: 'group.version', protocol: 'consumer' };
const SHARE_GROUPS = 'share.version';

const byGroupId = ({ groupIds }: { groupIds: readonly string[] }) => ({
  groups: groupIds.map((groupId) => ({
    errorCode,
    groupId,
    groupState: '',
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: '',
    members: [],
  })),
});

const GATES: ReadonlyMap<number, Gate> = new Map([
  [68, { ...CONSUMER_GROUPS, refuse: () => ({ errorCode, memberEpoch: 0, heartbeatIntervalMs: 0 }) }],
  [69, { ...CONSUMER_GROUPS, refuse: byGroupId }],
  [76, { feature: SHARE_GROUPS, refuse: () => ({ errorCode, memberEpoch: 0, heartbeatIntervalMs: 0 }) }],
  [77, { feature: SHARE_GROUPS, refuse: byGroupId }],
  [
    78,
    {
      feature: SHARE_GROUPS,
      refuse: () => ({ errorCode, acquisitionLockTimeoutMs: 0, responses: [], nodeEndpoints: [] }),
    },
  ],
  [
    79,
    {
      feature: SHARE_GROUPS,
      refuse: () => ({ errorCode, acquisitionLockTimeoutMs: 0, responses: [], nodeEndpoints: [] }),
    },
  ],
  [
    90,
    {
      feature: SHARE_GROUPS,
      refuse: ({ groups }: { groups: readonly { groupId: string }[] }) => ({
        groups: groups.map(({ groupId }) => ({ groupId, topics: [], errorCode })),
      }),
    },
  ],
  [91, { feature: SHARE_GROUPS, refuse: () => ({ ...whole(), responses: [] }) }],
  [92, { feature: SHARE_GROUPS, refuse: () => ({ ...whole(), responses: [] }) }],
]);

function isOpen({ feature, protocol }: Gate, { image, config }: BrokerServices): boolean {
  if ((image.features.get(feature) ?? 0) === 0) return false;
  return protocol === undefined || config.list('group.coordinator.rebalance.protocols').includes(protocol);
}

/** The handler, behind its feature. */
export function gatedByFeature(handler: Handler): Handler {
  const gate = GATES.get(handler.api.key);
  if (gate === undefined || !SUPPORTED_FEATURES.some(({ name }) => name === gate.feature)) return handler;
  return {
    api: handler.api,
    handle: (broker, request, call) =>
      isOpen(gate, broker) ? handler.handle(broker, request, call) : gate.refuse(request),
  };
}
