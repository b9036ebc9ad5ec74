import { ErrorCode } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/writer.ts';
import { leaderUpdates, leadsAny, type UncleanAllowed } from './broker-facts.ts';
import { CHANGES_PER_BATCH_MAX, type Decision } from './decision.ts';
import type { ClusterImage } from './image.ts';
import type { NewMetadataRecord } from './records/metadata-record.ts';
import { type BrokerRegistration, ENTER_CONTROLLED_SHUTDOWN, FENCE, UNFENCE } from './registration.ts';

/**
 * What becomes of a broker that sends a heartbeat, and of one that sends none (KIP-631, KIP-841). Pure.
 *
 *     fenced ──wants to serve, has applied its registration──▶ unfenced ──wants to stop──▶ in controlled shutdown
 *        ▲                                                        │                               │
 *        └───────silent, or wants to be fenced───────────────────┘      leads nothing any more ▼  and all know it
 *        └──────────────────────────────────────────────────────────────────────── shut down
 *
 * Invariant: a fenced broker leads nothing, and is in sync only where nobody else is. One that is told to stop leads nothing, and every active broker knows who
 * does instead.
 */
export interface Heartbeat {
  readonly brokerId: number;
  readonly brokerEpoch: number;
  /** The last offset of the metadata log that the broker has applied. */
  readonly currentMetadataOffset: number;
  readonly wantFence: boolean;
  readonly wantShutDown: boolean;
  /** Log dirs of its own that failed. */
  readonly offlineLogDirs: readonly string[];
}

export interface HeartbeatAnswer {
  readonly errorCode: number;
  readonly isCaughtUp: boolean;
  readonly isFenced: boolean;
  readonly shouldShutDown: boolean;
}

/** What the decision needs to know beside the image. */
export interface HeartbeatContext {
  /** Every active broker has applied that much of the metadata. */
  readonly lowestActiveOffset: number;
  /** The broker may stop once every active one has applied this; null: not known. */
  readonly shutdownOffset: number | null;
  /** The first batch of this decision is committed, more is to do. */
  readonly isContinued: boolean;
}

type State = 'fenced' | 'unfenced' | 'controlled shutdown' | 'shut down';

export function refusedHeartbeat(errorCode: number): HeartbeatAnswer {
  return { errorCode, isCaughtUp: false, isFenced: true, shouldShutDown: false };
}

export function heartbeat(
  image: ClusterImage,
  allowed: UncleanAllowed,
  request: Heartbeat,
  context: HeartbeatContext,
): Decision<HeartbeatAnswer> {
  const broker = image.brokers.get(request.brokerId);
  if (broker === undefined) return { records: [], response: refusedHeartbeat(ErrorCode.BROKER_ID_NOT_REGISTERED) };
  if (broker.brokerEpoch !== request.brokerEpoch) {
    return { records: [], response: refusedHeartbeat(ErrorCode.STALE_BROKER_EPOCH) };
  }
  const next = nextState(image, broker, request, context);
  const response = {
    errorCode: 0,
    isCaughtUp: request.currentMetadataOffset >= broker.brokerEpoch,
    isFenced: next === 'fenced' || next === 'shut down',
    shouldShutDown: next === 'shut down',
  };
  const lost = broker.logDirs.filter((id) => request.offlineLogDirs.includes(id));
  const isSettled = next === stateOf(broker) && lost.length === 0 && next !== 'controlled shutdown';
  if (isSettled && !context.isContinued) return { records: [], response };
  const changes = leaderUpdates(
    image,
    allowed,
    { brokerId: broker.brokerId, isActive: next === 'unfenced', isLost: lostTo(broker, lost) },
    CHANGES_PER_BATCH_MAX,
  );
  const registration = registrationChange(broker, next, lost);
  const records = registration === null ? changes : [registration, ...changes];
  // A broker that is to stop hears that it may at a later heartbeat, and gets on with one batch at each.
  if (changes.length < CHANGES_PER_BATCH_MAX || next === 'controlled shutdown') return { records, response };
  // A leader is not fenced: a broker is unfenced before it leads, and leads nothing before it is fenced.
  return { records: next === 'unfenced' ? records : changes, response, isPartial: true };
}

function lostTo({ logDirs }: BrokerRegistration, lost: readonly string[]): (directoryId: string) => boolean {
  const left = logDirs.filter((id) => !lost.includes(id));
  return (directoryId) => logDirs.length > 0 && directoryId !== ZERO_UUID && !left.includes(directoryId);
}

function stateOf({ isFenced, isInControlledShutdown }: BrokerRegistration): State {
  if (isFenced) return 'fenced';
  return isInControlledShutdown ? 'controlled shutdown' : 'unfenced';
}

function nextState(
  image: ClusterImage,
  broker: BrokerRegistration,
  { wantFence, wantShutDown, currentMetadataOffset }: Heartbeat,
  { lowestActiveOffset, shutdownOffset }: HeartbeatContext,
): State {
  switch (stateOf(broker)) {
    case 'fenced':
      if (wantShutDown) return 'shut down';
      // A life that began to stop does not serve again.
      if (wantFence || broker.isInControlledShutdown) return 'fenced';
      return currentMetadataOffset >= broker.brokerEpoch ? 'unfenced' : 'fenced';
    case 'unfenced':
      if (wantFence) return wantShutDown ? 'shut down' : 'fenced';
      if (!wantShutDown) return 'unfenced';
      return leadsAny(image, broker.brokerId) ? 'controlled shutdown' : 'shut down';
    default:
      if (leadsAny(image, broker.brokerId)) return 'controlled shutdown';
      return shutdownOffset !== null && shutdownOffset <= lowestActiveOffset ? 'shut down' : 'controlled shutdown';
  }
}

function registrationChange(
  broker: BrokerRegistration,
  next: State,
  lost: readonly string[],
): NewMetadataRecord | null {
  const isFencedNext = next === 'fenced' || next === 'shut down';
  const isStopping = next === 'controlled shutdown' && !broker.isInControlledShutdown;
  if (isFencedNext === broker.isFenced && !isStopping && lost.length === 0) return null;
  return {
    kind: 'brokerRegistrationChange',
    brokerId: broker.brokerId,
    brokerEpoch: broker.brokerEpoch,
    ...(isFencedNext === broker.isFenced ? {} : { fenced: isFencedNext ? FENCE : UNFENCE }),
    ...(isStopping ? { inControlledShutdown: ENTER_CONTROLLED_SHUTDOWN } : {}),
    ...(lost.length === 0 ? {} : { logDirs: broker.logDirs.filter((id) => !lost.includes(id)) }),
  };
}

/** Its session is over: others lead what it led. */
export function fenceBroker(image: ClusterImage, allowed: UncleanAllowed, brokerId: number): Decision<undefined> {
  const broker = image.brokers.get(brokerId);
  if (broker === undefined || broker.isFenced) return { records: [], response: undefined };
  const records = leaderUpdates(image, allowed, { brokerId, isActive: false }, CHANGES_PER_BATCH_MAX);
  if (records.length >= CHANGES_PER_BATCH_MAX) return { records, response: undefined, isPartial: true };
  const { brokerEpoch } = broker;
  const fence = { kind: 'brokerRegistrationChange', brokerId, brokerEpoch, fenced: FENCE } as const;
  return { records: [...records, fence], response: undefined };
}
