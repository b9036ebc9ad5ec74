// What an API does not do here, and why: the one column of core/APIS.md that nothing can generate.

const plainOnly = 'no SASL listener yet: answered as Kafka does on a plain one';
const noAuthorizer = 'no authorizer: answered as Kafka does without one';
const noTokens = 'no delegation tokens: answered as Kafka does without a secret key';
const byBrokers = 'for brokers and the share coordinator; clients may ask, too';

export const LIMITS: Readonly<Record<string, string>> = {
  Fetch: 'no remote storage',
  ListOffsets: 'no remote storage: −5 and −6 find nothing',
  ApiVersions: 'metadata.version stays at 25: the records of the metadata log are Kafka 4.0’s',
  UpdateFeatures: 'metadata.version stays at 25',
  WriteTxnMarkers: 'for brokers',
  AddPartitionsToTxn: '4 and 5 are for brokers',
  SaslHandshake: plainOnly,
  SaslAuthenticate: plainOnly,
  CreateDelegationToken: noTokens,
  RenewDelegationToken: noTokens,
  ExpireDelegationToken: noTokens,
  DescribeDelegationToken: noTokens,
  DescribeAcls: noAuthorizer,
  CreateAcls: noAuthorizer,
  DeleteAcls: noAuthorizer,
  DescribeUserScramCredentials: 'kept in the metadata log; nothing asks for them yet',
  AlterUserScramCredentials: 'kept in the metadata log; nothing asks for them yet',
  DescribeQuorum: 'static voters (kraft.version 0)',
  UnregisterBroker: 'a broker that runs is back after its next start',
  GetTelemetrySubscriptions:
    'no receiver of metrics, so not offered by ApiVersions, as in Kafka; what is pushed is thrown away',
  PushTelemetry: 'no receiver of metrics, so not offered by ApiVersions, as in Kafka; what is pushed is thrown away',
  InitializeShareGroupState: byBrokers,
  ReadShareGroupState: byBrokers,
  WriteShareGroupState: byBrokers,
  DeleteShareGroupState: byBrokers,
  ReadShareGroupStateSummary: byBrokers,
};
