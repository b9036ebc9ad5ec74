import { crc32c } from '@node-rs/crc32';
import { CLIENT_METRICS_DEFAULTS, type Subscription, subscriptionOf } from '../../controller/client-metrics-config.ts';
import { CLIENT_METRICS_RESOURCE, type ClusterImage } from '../../controller/image.ts';
import { compileTopicRegex } from '../../groups/topic-regex.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { ZERO_UUID } from '../../protocol/writer.ts';

/**
 * Clients' own metrics (KIP-714) without a receiver for them: like Kafka without such a plug-in, ApiVersions does not name the two APIs, so clients leave them
 * alone; who calls them all the same is told its subscriptions and held to their interval, and what it pushes is thrown away.
 *
 * Invariant: an instance's subscription id changes exactly when what it is to push does. At most `INSTANCES_MAX` instances are known, the least recently seen
 * goes first, and one that was silent for three intervals is forgotten.
 */
export const INSTANCES_MAX = 16_384;
const EXPIRY_MS_MIN = 60_000;
/** zstd, lz4, gzip, snappy: in the order in which the broker likes them. */
const COMPRESSION_TYPES: readonly number[] = [4, 3, 1, 2];
const COMPRESSION_TYPE_MAX = 4;
/** Ids that no client may have. */
const RESERVED_IDS: ReadonlySet<string> = new Set([ZERO_UUID, 'AAAAAAAAAAAAAAAAAAAAAQ']);

/** What a subscription may ask about a client: Kafka's names. */
export type ClientAttributes = ReadonlyMap<string, string>;

interface Instance {
  readonly subscriptionId: number;
  readonly metrics: readonly string[];
  readonly pushIntervalMs: number;
  readonly revision: number;
  readonly attributes: ClientAttributes;
  seenMs: number;
  getMs: number;
  pushMs: number;
  isTerminating: boolean;
}

export class ClientTelemetry {
  private readonly image: ClusterImage;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly bytesMax: number;
  /** Least recently seen first. */
  private readonly instances = new Map<string, Instance>();

  constructor(image: ClusterImage, clock: Clock, random: Random, bytesMax: number) {
    this.image = image;
    this.clock = clock;
    this.random = random;
    this.bytesMax = bytesMax;
  }

  get size(): number {
    return this.instances.size;
  }

  subscriptions(clientInstanceId: string, attributes: ClientAttributes) {
    const id = clientInstanceId === ZERO_UUID ? this.newId() : clientInstanceId;
    const nowMs = this.clock.monotonic();
    const instance = this.instance(id, attributes, nowMs);
    const lastMs = Math.max(instance.getMs, instance.pushMs);
    if (nowMs - lastMs < instance.pushIntervalMs) return { errorCode: ErrorCode.THROTTLING_QUOTA_EXCEEDED };
    instance.getMs = nowMs;
    return {
      errorCode: ErrorCode.NONE,
      clientInstanceId: id,
      subscriptionId: instance.subscriptionId,
      acceptedCompressionTypes: COMPRESSION_TYPES,
      pushIntervalMs: instance.pushIntervalMs,
      telemetryMaxBytes: this.bytesMax,
      deltaTemporality: true,
      requestedMetrics: instance.metrics,
    };
  }

  /** The error code of a push. */
  push(
    request: {
      readonly clientInstanceId: string;
      readonly subscriptionId: number;
      readonly terminating: boolean;
      readonly compressionType: number;
      readonly metrics: Uint8Array;
    },
    attributes: ClientAttributes,
  ): number {
    if (RESERVED_IDS.has(request.clientInstanceId)) return ErrorCode.INVALID_REQUEST;
    const nowMs = this.clock.monotonic();
    const instance = this.instance(request.clientInstanceId, attributes, nowMs);
    const problem = this.pushProblem(instance, request, nowMs);
    instance.isTerminating = request.terminating;
    return problem;
  }

  private pushProblem(
    instance: Instance,
    request: {
      readonly subscriptionId: number;
      readonly terminating: boolean;
      readonly compressionType: number;
      readonly metrics: Uint8Array;
    },
    nowMs: number,
  ): number {
    if (instance.isTerminating) return ErrorCode.INVALID_REQUEST;
    // The first push after the subscriptions were asked for comes when it likes: clients spread them out.
    const isDue = instance.getMs > instance.pushMs || nowMs - instance.pushMs >= instance.pushIntervalMs;
    if (isDue) instance.pushMs = nowMs;
    else if (!request.terminating) return ErrorCode.THROTTLING_QUOTA_EXCEEDED;
    if (request.subscriptionId !== instance.subscriptionId) return ErrorCode.UNKNOWN_SUBSCRIPTION_ID;
    if (request.compressionType < 0 || request.compressionType > COMPRESSION_TYPE_MAX) {
      return ErrorCode.UNSUPPORTED_COMPRESSION_TYPE;
    }
    return request.metrics.length > this.bytesMax ? ErrorCode.TELEMETRY_TOO_LARGE : ErrorCode.NONE;
  }

  private instance(id: string, attributes: ClientAttributes, nowMs: number): Instance {
    this.forgetSilent(nowMs);
    const revision = this.image.clientMetricsRevision;
    let instance = this.instances.get(id);
    if (instance === undefined || instance.revision !== revision) {
      instance = this.newInstance(id, instance?.attributes ?? attributes, revision, nowMs);
    }
    instance.seenMs = nowMs;
    this.instances.delete(id);
    this.instances.set(id, instance);
    return instance;
  }

  private newInstance(id: string, attributes: ClientAttributes, revision: number, nowMs: number): Instance {
    const known = new Map([...attributes, ['client_instance_id', id]]);
    const metrics = new Set<string>();
    let pushIntervalMs = CLIENT_METRICS_DEFAULTS.intervalMs;
    for (const name of this.image.configuredNames(CLIENT_METRICS_RESOURCE)) {
      const subscription = subscriptionOf(this.image.configsOf(CLIENT_METRICS_RESOURCE, name));
      if (!matchesClient(subscription, known)) continue;
      for (const each of subscription.metrics) metrics.add(each);
      pushIntervalMs = Math.min(pushIntervalMs, subscription.intervalMs);
    }
    const asked = metrics.has('*') ? ['*'] : [...metrics].sort();
    const bytes = Buffer.from(JSON.stringify([asked, pushIntervalMs, id]));
    return {
      subscriptionId: crc32c(bytes) | 0,
      metrics: asked,
      pushIntervalMs,
      revision,
      attributes,
      seenMs: nowMs,
      getMs: Number.NEGATIVE_INFINITY,
      pushMs: Number.NEGATIVE_INFINITY,
      isTerminating: false,
    };
  }

  private forgetSilent(nowMs: number): void {
    for (const [id, { seenMs, pushIntervalMs }] of this.instances) {
      const isSilent = nowMs - seenMs >= Math.max(EXPIRY_MS_MIN, 3 * pushIntervalMs);
      if (!isSilent && this.instances.size < INSTANCES_MAX) return;
      this.instances.delete(id);
    }
  }

  private newId(): string {
    for (;;) {
      const id = this.random.uuid().toString('base64url');
      if (!RESERVED_IDS.has(id) && !this.instances.has(id)) return id;
    }
  }
}

/** By the engine whose time does not explode: expressions and attributes both come from clients. */
function matchesClient({ patterns }: Subscription, attributes: ClientAttributes): boolean {
  return patterns.every(({ attribute, expression }) => {
    const value = attributes.get(attribute);
    return value !== undefined && compileTopicRegex(expression).matcher?.matches(value) === true;
  });
}
