"""The broker as kafka-python sees it. Every expectation here also holds against Apache Kafka 4.3."""

import threading

from checks import BOOTSTRAP, check, equal, eventually, fresh, main
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions, NewTopic
from kafka import errors as kafka_errors

admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)


def topic(stem, partitions=1, configs=None):
    name = fresh(stem)
    admin.create_topics([NewTopic(name=name, num_partitions=partitions, replication_factor=1, topic_configs=configs or {})])
    return name


def consumer(*topics, **settings):
    return KafkaConsumer(
        *topics,
        **{
            "bootstrap_servers": BOOTSTRAP,
            "auto_offset_reset": "earliest",
            "enable_auto_commit": False,
            "fetch_max_wait_ms": 50,
            "heartbeat_interval_ms": 200,
            "session_timeout_ms": 10_000,
            **settings,
        },
    )


def read(reader, count):
    got = []

    def more():
        for batch in reader.poll(timeout_ms=100).values():
            got.extend(batch)
        return len(got) >= count

    eventually(f"{count} messages", more)
    return got


def assigned(name, count, partition=0, **settings):
    reader = consumer(**settings)
    reader.assign([TopicPartition(name, partition)])
    reader.seek_to_beginning()
    try:
        return read(reader, count)
    finally:
        reader.close()


def raises(kind, action):
    try:
        action()
    except kind:
        return
    raise AssertionError(f"no {kind}")


@check
def codecs_keys_and_headers():
    name = topic("codecs")
    codecs = [None, "gzip"]
    for extra in ["snappy", "lz4", "zstd"]:
        try:
            made = KafkaProducer(bootstrap_servers=BOOTSTRAP, compression_type=extra)
            made.close()
            codecs.append(extra)
        except RuntimeError:
            pass  # the codec's library is not installed
    for codec in codecs:
        made = KafkaProducer(bootstrap_servers=BOOTSTRAP, compression_type=codec, acks="all")
        sent = [made.send(name, value=f"{codec} {i}".encode() * 20, key=b"k", headers=[("h", b"1")]) for i in range(20)]
        made.flush()
        equal(len({each.get(10).offset for each in sent}), 20)
        made.close()
    got = assigned(name, 20 * len(codecs))
    equal([message.offset for message in got], list(range(20 * len(codecs))))
    equal((got[25].key, got[25].value, list(got[25].headers)), (b"k", b"gzip 5" * 20, [("h", b"1")]))


@check
def idempotent():
    name = topic("idempotent")
    made = KafkaProducer(bootstrap_servers=BOOTSTRAP, enable_idempotence=True)
    offsets = [made.send(name, value=str(i).encode()) for i in range(50)]
    made.flush()
    equal([each.get(10).offset for each in offsets], list(range(50)))
    made.close()


@check
def group():
    name, group_id = topic("group", 4), fresh("group")
    members = [consumer(name, group_id=group_id) for _ in range(2)]
    got = []
    ended = threading.Event()

    # A member that waits for the others in its rebalance does not return from poll.
    def poll(member):
        while not ended.is_set():
            for batch in member.poll(timeout_ms=100).values():
                got.extend(batch)

    threads = [threading.Thread(target=poll, args=[member]) for member in members]
    for thread in threads:
        thread.start()
    try:
        eventually("each has half", lambda: all(len(member.assignment()) == 2 for member in members))
        made = KafkaProducer(bootstrap_servers=BOOTSTRAP)
        for i in range(40):
            made.send(name, value=str(i).encode(), partition=i % 4)
        made.flush()
        eventually("all was read", lambda: len(got) >= 40)
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    for member in members:
        member.commit()
    offsets = admin.list_group_offsets(group_id) if hasattr(admin, "list_group_offsets") else admin.list_consumer_group_offsets(group_id)
    if group_id in offsets:
        offsets = offsets[group_id]
    equal(sorted((each.partition, at.offset) for each, at in offsets.items()), [(p, 10) for p in range(4)])
    for member in members:
        member.close()
    again = consumer(name, group_id=group_id)
    # kafka-python 3.0 stops when it is given its partitions before it knows the topic.
    again.partitions_for_topic(name)
    made.send(name, value=b"late", partition=0)
    made.flush()
    equal([message.value for message in read(again, 1)], [b"late"])
    again.close()
    made.close()


@check
def offsets():
    name = topic("offsets")
    made = KafkaProducer(bootstrap_servers=BOOTSTRAP)
    start = 1_700_000_000_000
    for i in range(10):
        made.send(name, value=b"x", timestamp_ms=start + i).get(10)
    partition = TopicPartition(name, 0)
    reader = consumer(group_id=fresh("group"))
    equal((reader.beginning_offsets([partition])[partition], reader.end_offsets([partition])[partition]), (0, 10))
    equal(reader.offsets_for_times({partition: start + 5})[partition].offset, 5)
    equal(reader.offsets_for_times({partition: start + 50})[partition], None)
    reader.assign([partition])
    reader.commit({partition: OffsetAndMetadata(4, "note", -1)})
    equal(reader.committed(partition, metadata=True).metadata, "note")
    reader.close()
    made.close()


@check
def topics_and_configs():
    name = topic("admin", 2, {"retention.ms": "12345"})
    raises(kafka_errors.TopicAlreadyExistsError, lambda: admin.create_topics([NewTopic(name=name, num_partitions=1, replication_factor=1)]))
    raises(kafka_errors.InvalidTopicError, lambda: admin.create_topics([NewTopic(name="a:b", num_partitions=1, replication_factor=1)]))
    admin.create_partitions({name: NewPartitions(5)})
    eventually("five partitions", lambda: len(admin.describe_topics([name])[0]["partitions"]) == 5)
    text = str(admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)]))
    if "12345" not in text:
        raise AssertionError(text)
    equal(len(admin.describe_cluster()["brokers"]), 1)
    admin.delete_topics([name])
    eventually("gone", lambda: name not in admin.list_topics())
    raises(kafka_errors.UnknownTopicOrPartitionError, lambda: admin.delete_topics([name]))


@check
def errors():
    small = topic("small", 1, {"max.message.bytes": "1000"})
    made = KafkaProducer(bootstrap_servers=BOOTSTRAP, retries=0)
    raises(kafka_errors.MessageSizeTooLargeError, lambda: made.send(small, value=b"x" * 5000).get(10))
    impatient = KafkaProducer(bootstrap_servers=BOOTSTRAP, max_block_ms=1000)
    raises(kafka_errors.KafkaError, lambda: impatient.send(fresh("unknown"), value=b"x").get(10))
    reader = consumer(auto_offset_reset="none")
    reader.assign([TopicPartition(small, 0)])
    reader.seek(TopicPartition(small, 0), 1000)
    raises(kafka_errors.OffsetOutOfRangeError, lambda: [reader.poll(timeout_ms=200) for _ in range(50)])
    reader.close()
    for each in (made, impatient):
        each.close()


@check
def transactions():
    name = topic("transactions")
    made = KafkaProducer(bootstrap_servers=BOOTSTRAP, transactional_id=fresh("id"))
    made.init_transactions()
    for outcome in ["commit", "abort", "commit"]:
        made.begin_transaction()
        made.send(name, value=outcome.encode())
        made.commit_transaction() if outcome == "commit" else made.abort_transaction()
    made.close()
    equal([message.value for message in assigned(name, 2, isolation_level="read_committed")], [b"commit", b"commit"])


main()
