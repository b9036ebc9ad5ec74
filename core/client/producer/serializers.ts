import { ClientError } from '../client-error.ts';

/**
 * Serializers and deserializers: between the application's values and bytes. null stays null: a tombstone.
 * A serializer may be stateful; it is called once a record, in the order of sends.
 */
export type Serializer<T> = (topic: string, data: T) => Uint8Array;
export type Deserializer<T> = (topic: string, data: Buffer) => T;

/** The default: text as UTF-8, bytes as they are. */
export const bytesSerializer: Serializer<unknown> = (_topic, data) => {
  if (data instanceof Uint8Array) return data;
  if (typeof data === 'string') return Buffer.from(data);
  throw new ClientError(
    'SERIALIZATION',
    `a ${typeof data} given; the default serializer takes text or bytes, others need a serializer of their own`,
  );
};

export const stringSerializer: Serializer<string> = (_topic, data) => Buffer.from(data);
export const jsonSerializer: Serializer<unknown> = (_topic, data) => Buffer.from(JSON.stringify(data));

/** 8 bytes, big endian, as Kafka's LongSerializer. */
export const longSerializer: Serializer<number | bigint> = (_topic, data) => {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64BE(BigInt(data));
  return bytes;
};

export const bytesDeserializer: Deserializer<Buffer> = (_topic, data) => data;
export const stringDeserializer: Deserializer<string> = (_topic, data) => data.toString('utf8');
export const jsonDeserializer: Deserializer<unknown> = (_topic, data) => JSON.parse(data.toString('utf8'));
export const longDeserializer: Deserializer<bigint> = (_topic, data) => data.readBigInt64BE(0);
