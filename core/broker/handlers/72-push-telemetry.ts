import { PushTelemetry } from '../../protocol/messages/72-push-telemetry.ts';
import { handlerOf } from '../handler.ts';

/** PushTelemetry 0: checked, counted for the client's interval, and thrown away: there is no receiver (KIP-714). */
export const pushTelemetryHandler = handlerOf(PushTelemetry, (broker, request, call) => ({
  errorCode: broker.telemetry.push(request, broker.clientInformation.attributesOf(call)),
}));
