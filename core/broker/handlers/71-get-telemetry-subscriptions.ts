import { GetTelemetrySubscriptions } from '../../protocol/messages/71-get-telemetry-subscriptions.ts';
import { ZERO_UUID } from '../../protocol/writer.ts';
import { handlerOf } from '../handler.ts';

const REFUSED = {
  clientInstanceId: ZERO_UUID,
  subscriptionId: 0,
  acceptedCompressionTypes: [],
  pushIntervalMs: 0,
  telemetryMaxBytes: 0,
  deltaTemporality: false,
  requestedMetrics: [],
};

/** GetTelemetrySubscriptions 0: which of its own metrics the client is to push, and how often (KIP-714). */
export const getTelemetrySubscriptionsHandler = handlerOf(GetTelemetrySubscriptions, (broker, request, call) => ({
  ...REFUSED,
  ...broker.telemetry.subscriptions(request.clientInstanceId, broker.clientInformation.attributesOf(call)),
}));
