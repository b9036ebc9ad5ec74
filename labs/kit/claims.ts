/**
 * The claims under test, as data: what people say about message queues, in our words.
 *
 * Invariant: an id never changes and never means something else. Labs name the ids they answer; reports print these texts.
 */
import type { ClaimKind, ClaimText } from '@mqlab/reports/run-data.ts';

const SECTIONS: Readonly<Record<string, readonly (readonly [id: string, kinds: string, text: string])[]>> = {
  '1 Why a queue': [
    ['C01', 'B', 'Decoupling: consumers come and go, and the sender neither changes nor cares whether they are up.'],
    [
      'C02',
      'B',
      'Asynchrony: a chain of 3, 300, 450 and 200 ms makes the caller wait 953 ms; with a queue it waits for its own write and the enqueue only.',
    ],
    [
      'C03',
      'B',
      'Peak shaving: 10,000 requests a second into a system that can do 1,000 break it; with a queue between it lives and drains later.',
    ],
    [
      'C04',
      'B',
      'The costs of a queue: less availability, more complexity (duplicates, loss, order), and consistency broken across systems.',
    ],
  ],
  '2 Two models': [
    ['C05', 'MB', 'Point to point: a message is taken by one consumer at most, and is gone afterwards.'],
    ['C06', 'MB', 'Publish and subscribe: each subscriber gets each message; reading deletes nothing.'],
    [
      'C07',
      'MB',
      'Consumers in one group share the work like a queue; each in its own group, they all get everything.',
    ],
    [
      'C08',
      'B',
      'Pull lets a consumer take what it can, push overruns the slow one; the price of pull is an idle loop, cured by long polling.',
    ],
  ],
  '3 Topics, partitions, offsets': [
    ['C10', 'M', 'A topic is split into partitions, each an append-only log, spread over brokers.'],
    ['C11', 'M', 'An offset is a 64-bit number that names one record of a partition for ever.'],
    ['C12', 'B', 'Order holds within a partition, and not across partitions.'],
    ['C13', 'M', 'A record goes to the partition it names, else by the hash of its key, else partitions take turns.'],
    ['C14', 'M', 'A custom partitioner decides by a rule of its own.'],
    ['C15', 'M', 'Within a group a partition has at most one consumer; surplus consumers sit idle until one leaves.'],
    ['C16', 'M', 'A consumer may seek to any offset, to the beginning, to the end, or to a time.'],
    ['C17', 'M', 'Messages stay until retention removes them, read or not.'],
  ],
  '4 Producer': [
    [
      'C20',
      'M',
      'The way of a record: interceptors, serializer, partitioner, a queue per partition, the sender, the broker, the callback.',
    ],
    ['C21', 'MB', 'batch.size and linger.ms decide when a batch leaves; batching lifts throughput.'],
    ['C22', 'F', 'buffer.memory raised to 64 MiB lifts producer throughput.'],
    ['C23', 'M', 'Fire and forget, asynchronous with a callback, and synchronous sends differ, measurably.'],
    ['C24', 'M', 'A failed send is retried; on success its memory is given back.'],
    ['C25', 'MB', 'acks=0 does not wait, acks=1 waits for the leader, acks=all for the in-sync replicas.'],
    ['C26', 'B', 'acks=0 loses; acks=1 loses when the leader dies before a follower has the record.'],
    ['C27', 'B', 'acks=all never loses.'],
    ['C28', 'B', 'acks=all with one replica, or with min.insync.replicas=1, protects no better than acks=1.'],
    [
      'C29',
      'B',
      'Complete reliability: acks=all, at least two replicas, min.insync.replicas of at least 2, and endless retries.',
    ],
    ['C30', 'F', 'Stronger acks cost throughput and latency.'],
  ],
  '5 Duplicates, idempotence, transactions, order': [
    [
      'C31',
      'B',
      'The leader dies after replication and before its answer; the retry at the new leader is a duplicate, also with acks=all.',
    ],
    [
      'C32',
      'MB',
      'With idempotence the broker keeps one copy of a batch by producer id, partition and sequence; it is on by default.',
    ],
    ['C33', 'B', 'Idempotence covers one partition and one producer session; a restarted producer duplicates again.'],
    [
      'C34',
      'MB',
      'A transaction builds on idempotence and makes writes to several partitions and the consumed offsets atomic, across restarts.',
    ],
    [
      'C35',
      'MB',
      'The broker remembers the last five batches of a producer, so order survives retries with up to five requests in flight.',
    ],
    ['C36', 'B', 'Without idempotence, and with more than one request in flight, a retry reorders records.'],
    ['C37', 'MB', 'At most once, at least once and exactly once can each be built, and a crash tells them apart.'],
  ],
  '6 Replication and leadership': [
    ['C40', 'M', 'Clients talk to the leader of a partition; followers pull from it.'],
    [
      'C41',
      'M',
      'All replicas are in sync or out of sync; a follower that lags longer than replica.lag.time.max.ms leaves the in-sync set.',
    ],
    [
      'C42',
      'MB',
      'The log end offset is one past the last; the high watermark is the smallest of the in-sync replicas; consumers see only what is below it.',
    ],
    [
      'C43',
      'MB',
      'After a failure replicas cut their logs to agree with the leader: they become alike, which by itself prevents neither loss nor duplicates.',
    ],
    ['C44', 'MB', 'The controller watches brokers and elects the first live in-sync replica in assignment order.'],
    ['C45', 'M', 'Replicas are spread evenly and staggered over brokers.'],
    ['C46', 'B', 'No single broker failure makes a replicated partition unavailable for long.'],
    ['C47', 'MB', 'A Raft quorum of controllers replaces ZooKeeper; losing the quorum stops elections, not traffic.'],
  ],
  '7 Storage': [
    ['C50', 'M', 'A partition is a folder of segments (log, offset index, time index) named by their first offset.'],
    ['C51', 'M', 'The index is sparse, an entry about every 4 KiB, and holds relative offsets.'],
    ['C52', 'MB', 'An offset is found by binary search over segments, then over the index, then by a short scan.'],
    ['C53', 'M', 'Retention deletes whole segments, by time and by size.'],
    ['C54', 'MB', 'Compaction keeps the last value of each key.'],
    ['C55', 'F', 'Sequential appending reaches about 600 MB/s, and random writing is orders of magnitude slower.'],
    ['C56', 'F', 'The page cache and zero-copy make reading cheap.'],
    ['C57', 'F', 'The broker does about two million writes a second.'],
    ['C58', 'F', 'Hard disks and solid-state disks are alike in sequential speed and differ in random access.'],
  ],
  '8 Consumer': [
    ['C60', 'M', 'Committed offsets live in the compacted topic __consumer_offsets, by group, topic and partition.'],
    ['C61', 'MB', 'Auto commit is on by default, every 5 s.'],
    [
      'C62',
      'MB',
      'commitSync blocks and retries, commitAsync does neither; both commit the highest offset of the batch.',
    ],
    ['C63', 'M', 'auto.offset.reset is earliest, latest (the default) or none (an error).'],
    [
      'C64',
      'MB',
      'The assignors range, round robin, sticky and cooperative sticky move different numbers of partitions.',
    ],
    ['C65', 'MB', 'A consumer that is too slow or dead is removed; what it had not committed is consumed again.'],
    ['C66', 'B', 'Committing before processing loses; processing before committing repeats.'],
    ['C67', 'B', 'Auto commit with a hand-off to an in-memory queue loses what the queue held at a crash.'],
    [
      'C68',
      'B',
      'Only a transaction over processing and offsets neither loses nor repeats; outside Kafka the offset must be stored with the result.',
    ],
  ],
  '9 Living with duplicates, order and backlog': [
    ['C70', 'B', 'Idempotent consumption by primary key: look up, then update instead of insert.'],
    ['C71', 'B', 'Idempotent consumption by a write that is idempotent by nature (Redis SET).'],
    ['C72', 'B', 'Idempotent consumption by a global id in Redis, checked before processing.'],
    ['C73', 'B', 'Idempotent consumption by a unique constraint of the database.'],
    ['C74', 'B', 'One partition and one consumer with several threads inside: order is lost.'],
    [
      'C75',
      'B',
      'Keys hashed to N in-memory queues with a worker each: order per key holds, and throughput grows with N.',
    ],
    [
      'C76',
      'BF',
      'A backlog of hours clears about ten times as fast through a temporary topic with ten times the partitions and consumers.',
    ],
    ['C77', 'BF', 'A slow consumer is helped by more partitions and as many consumers, or by larger fetches.'],
    ['C78', 'B', 'Messages that expire unread are gone from the queue, and must be refilled from the source.'],
  ],
  '10 Capacity': [
    [
      'C80',
      'F',
      'A million daily users with 100 messages each: about 1,150 a second on average, and a peak of about 20 MB/s.',
    ],
    ['C81', 'F', 'Brokers = 2 × (peak MB/s × replicas / 100) + 1: here 3.'],
    ['C82', 'F', 'Disk = 100 GB a day × 2 replicas × 3 days / 0.7: about 1 TB.'],
    [
      'C83',
      'F',
      'Memory = heap of 10 to 15 GB + a quarter of a 1 GiB segment in page cache for each leader partition.',
    ],
    ['C84', 'F', 'Partitions and consumers follow from target throughput over measured throughput of one.'],
  ],
  '11 Which queue': [
    [
      'C90',
      'F',
      'On one machine ActiveMQ and RabbitMQ do tens of thousands a second, RocketMQ and Kafka hundreds of thousands.',
    ],
    [
      'C91',
      'F',
      'Kafka falls steeply from tens to hundreds of topics; RocketMQ falls little at hundreds or thousands.',
    ],
    ['C92', 'F', 'Latency: RabbitMQ microseconds, the others milliseconds.'],
    ['C93', 'B', 'ActiveMQ loses with low probability; RocketMQ and Kafka can be configured to lose nothing.'],
    ['C94', 'B', 'RabbitMQ keeps the data of a queue on one node; Kafka spreads a topic over machines.'],
    [
      'C95',
      'M',
      'A cluster is watched with a page that shows brokers, topics, partitions, in-sync replicas and group lag.',
    ],
    ['C96', 'M', 'An application framework works with the broker as it does with Kafka.'],
    [
      'C97',
      'M',
      'Design your own queue: scalable, sequential on disk, replicated with leader election, able to lose nothing.',
    ],
  ],
};

export const CLAIMS: readonly ClaimText[] = Object.entries(SECTIONS).flatMap(([group, claims]) =>
  claims.map(([id, kinds, text]) => ({
    id,
    kinds: [...kinds] as ClaimKind[],
    group,
    text,
  })),
);

const byId = new Map(CLAIMS.map((claim) => [claim.id, claim]));

/** The claim's words. An id that does not exist is a bug of the lab that names it. */
export function claim(id: string): ClaimText {
  const found = byId.get(id);
  if (found === undefined) throw new Error(`no claim ${id}: ids are C01 to C97`);
  return found;
}
