/** The public face of the package: the client, and the ports of a real process to give it. */
export { Admin } from './client/admin/admin.ts';
export type {
  AdminConfigInput,
  ConsumerConfigInput,
  ProducerConfigInput,
} from './client/client-config.ts';
export { ClientError, type Outcome } from './client/client-error.ts';
export type { ClientPorts } from './client/connections.ts';
export type { Assignor } from './client/consumer/assignors/assignor.ts';
export { ASSIGNORS } from './client/consumer/assignors/assignors.ts';
export type { BatchView } from './client/consumer/batch-view.ts';
export { Consumer, type ConsumerOptions } from './client/consumer/consumer.ts';
export type { ConsumerRecord } from './client/consumer/fetched-partition.ts';
export type { OffsetAndMetadata, OffsetAndTimestamp, PartitionOffset } from './client/consumer/offsets.ts';
export type { RebalanceListener } from './client/consumer/subscription.ts';
export { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, MAX_TIMESTAMP } from './client/consumer/timestamps.ts';
export type { TopicPartition } from './client/consumer/topic-partition.ts';
export { murmur2, partitionOfKey } from './client/murmur2.ts';
export type { BulkCallback, SentRange } from './client/producer/bulk-send.ts';
export type { ProducerInterceptor } from './client/producer/interceptors.ts';
export { keyHashPartitioner, type Partitioner, roundRobinPartitioner } from './client/producer/partitioner.ts';
export { Producer, type ProducerOptions } from './client/producer/producer.ts';
export type { DeliveryCallback, ProducerRecord, RecordMetadata } from './client/producer/record.ts';
export * from './client/producer/serializers.ts';
export { TransactionError } from './client/producer/transactions.ts';
export { ConfigError } from './client/settings.ts';
export { realPorts } from './ports/real/ports.ts';
