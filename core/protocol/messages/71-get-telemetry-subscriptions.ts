import { api, array, bool, int8, int16, int32, string, uuid } from '../schema.ts';

/** GetTelemetrySubscriptions: which metrics a client shall push (KIP-714). */
export const GetTelemetrySubscriptions = api(
  71,
  'GetTelemetrySubscriptions',
  { versions: '0', flexible: '0+' },
  {
    clientInstanceId: uuid(),
  },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16(),
    clientInstanceId: uuid(),
    subscriptionId: int32(),
    acceptedCompressionTypes: array(int8()),
    pushIntervalMs: int32(),
    telemetryMaxBytes: int32(),
    deltaTemporality: bool(),
    requestedMetrics: array(string()),
  },
);
