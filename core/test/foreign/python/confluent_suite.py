"""The broker as confluent-kafka (librdkafka) sees it. Every expectation here also holds against Apache Kafka 4.3."""

import time

from checks import BOOTSTRAP, check, equal, eventually, fresh, main
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
)

BASE = {"bootstrap.servers": BOOTSTRAP, "topic.metadata.refresh.interval.ms": 500, "allow.auto.create.topics": False}
admin = AdminClient(BASE)


def topic(stem, partitions=1, config=None):
    name = fresh(stem)
    [made] = admin.create_topics([NewTopic(name, partitions, 1, config=config or {})]).values()
    made.result(10)
    return name


def producer(**settings):
    return Producer({**BASE, "linger.ms": 0, **{key.replace("_", "."): value for key, value in settings.items()}})


def send(name, values, made=None, **more):
    made = made or producer()
    told = []
    for value in values:
        made.produce(name, value=value, on_delivery=lambda error, message: told.append((error, message)), **more)
    equal(made.flush(20), 0)
    return told


def consumer(group=None, **settings):
    return Consumer(
        {
            **BASE,
            "group.id": group or fresh("group"),
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 50,
            "enable.auto.commit": False,
            **{key.replace("_", "."): value for key, value in settings.items()},
        }
    )


def read(reader, count, seconds=20):
    got = []

    def more():
        message = reader.poll(0.1)
        if message is not None and message.error() is None:
            got.append(message)
        return len(got) >= count

    eventually(f"{count} messages", more, seconds)
    return got


def read_assigned(name, count, partition=0, **settings):
    reader = consumer(**settings)
    reader.assign([TopicPartition(name, partition, 0)])
    try:
        return read(reader, count)
    finally:
        reader.close()


def known(name):
    return admin.list_topics(name, timeout=5).topics[name].error is None


def code_of(action):
    try:
        action()
    except KafkaException as caught:
        return caught.args[0].code()
    raise AssertionError("no error")


@check
def codecs_keys_and_headers():
    name = topic("codecs")
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
        made = producer(compression_codec=codec)
        send(name, [f"{codec} {i}" * 20 for i in range(20)], made, key=codec, headers=[("h", b"1"), ("h", None)])
    send(name, [None], key="tombstone")
    got = read_assigned(name, 101)
    equal([message.offset() for message in got], list(range(101)))
    equal(got[25].headers(), [("h", b"1"), ("h", None)])
    equal((got[25].key(), got[25].value()), (b"gzip", ("gzip 5" * 20).encode()))
    equal((got[100].key(), got[100].value()), (b"tombstone", None))


@check
def idempotent_and_acks():
    name = topic("idempotent")
    told = send(name, [str(i) for i in range(100)], producer(enable_idempotence=True))
    equal([message.offset() for _, message in told], list(range(100)))
    for acks in ["0", "1"]:
        send(name, ["x"], producer(acks=acks))
    eventually("both", lambda: consumer().get_watermark_offsets(TopicPartition(name, 0), timeout=5) == (0, 102))


@check
def partitioner_and_timestamps():
    name = topic("times", 3)
    start = 1_700_000_000_000
    made = producer()
    for i in range(30):
        made.produce(name, value=str(i), key=str(i), timestamp=start + i)
    equal(made.flush(10), 0)
    reader = consumer()
    found = reader.offsets_for_times([TopicPartition(name, p, start) for p in range(3)], timeout=10)
    equal([each.offset for each in found], [0, 0, 0])
    none = reader.offsets_for_times([TopicPartition(name, 0, start + 1000)], timeout=10)
    equal(none[0].offset, -1)
    reader.close()


def group_of_two(**settings):
    name = topic("group", 4)
    group = fresh("group")
    members = [consumer(group, **settings) for _ in range(2)]
    for member in members:
        member.subscribe([name])
    got = set()

    def shared():
        for member in members:
            message = member.poll(0.05)
            if message is not None and message.error() is None:
                got.add(message.value())
        return all(len(member.assignment()) == 2 for member in members)

    eventually("each has two partitions", shared)
    made = producer()
    for i in range(40):
        made.produce(name, value=str(i), partition=i % 4)
    equal(made.flush(10), 0)
    eventually("all was read", lambda: shared() and len(got) == 40)
    for member in members:
        member.commit(asynchronous=False)
    [described] = admin.describe_consumer_groups([group]).values()
    equal(len(described.result(10).members), 2)
    members[0].close()
    eventually("the rest takes over", lambda: members[1].poll(0.05) is None and len(members[1].assignment()) == 4)
    members[1].close()
    again = consumer(group, **settings)
    offsets = again.committed([TopicPartition(name, p) for p in range(4)], timeout=10)
    equal([each.offset for each in offsets], [10] * 4)
    again.close()
    [deleted] = admin.delete_consumer_groups([group]).values()
    deleted.result(10)


@check
def classic_group():
    group_of_two(partition_assignment_strategy="roundrobin", session_timeout_ms=10_000, heartbeat_interval_ms=200)


@check
def cooperative_group():
    group_of_two(partition_assignment_strategy="cooperative-sticky", session_timeout_ms=10_000, heartbeat_interval_ms=200)


@check
def consumer_protocol_group():
    group_of_two(group_protocol="consumer")


@check
def static_member():
    name, group = topic("static"), fresh("group")
    send(name, ["x"])
    for _ in range(2):
        member = consumer(group, group_instance_id="one")
        member.subscribe([name])
        read(member, 1)
        member.close()


@check
def topics():
    name = topic("admin", 2, {"retention.ms": "12345"})
    equal(code_of(lambda: [each.result(10) for each in admin.create_topics([NewTopic(name, 1, 1)]).values()]), KafkaError.TOPIC_ALREADY_EXISTS)
    equal(code_of(lambda: [each.result(10) for each in admin.create_topics([NewTopic("a:b", 1, 1)]).values()]), KafkaError.TOPIC_EXCEPTION)
    equal(code_of(lambda: [each.result(10) for each in admin.create_topics([NewTopic(fresh("r"), 1, 7)]).values()]), KafkaError.INVALID_REPLICATION_FACTOR)
    equal(code_of(lambda: [each.result(10) for each in admin.create_topics([NewTopic(fresh("c"), 1, 1, config={"no.such": "1"})]).values()]), KafkaError.INVALID_CONFIG)
    [grown] = admin.create_partitions([NewPartitions(name, 5)]).values()
    grown.result(10)
    eventually("five partitions", lambda: len(admin.list_topics(name, timeout=5).topics[name].partitions) == 5)
    [described] = admin.describe_topics(TopicCollection([name]), include_authorized_operations=True).values()
    equal(len(described.result(10).partitions), 5)
    cluster = admin.describe_cluster(include_authorized_operations=True).result(10)
    equal(len(cluster.nodes), 1)
    [deleted] = admin.delete_topics([name]).values()
    deleted.result(10)
    eventually("gone", lambda: name not in admin.list_topics(timeout=5).topics)
    equal(code_of(lambda: [each.result(10) for each in admin.delete_topics([name]).values()]), KafkaError.UNKNOWN_TOPIC_OR_PART)


@check
def configs():
    name = topic("configs")
    of = ConfigResource(ConfigResource.Type.TOPIC, name)

    def value(key):
        [found] = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name)]).values()
        return found.result(10)[key].value

    eventually("the topic is known", lambda: known(name))
    equal(value("retention.ms"), "604800000")
    change = lambda key, what, to: ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=[ConfigEntry(key, to, incremental_operation=what)])
    for entry in [change("retention.ms", AlterConfigOpType.SET, "777"), change("cleanup.policy", AlterConfigOpType.APPEND, "compact")]:
        [done] = admin.incremental_alter_configs([entry]).values()
        done.result(10)
    eventually("was set", lambda: value("retention.ms") == "777" and value("cleanup.policy") == "delete,compact")
    bad = change("retention.ms", AlterConfigOpType.SET, "soon")
    equal(code_of(lambda: [each.result(10) for each in admin.incremental_alter_configs([bad]).values()]), KafkaError.INVALID_CONFIG)
    of.set_config("segment.ms", "60000")
    [done] = admin.alter_configs([of]).values()
    done.result(10)
    eventually("was replaced", lambda: value("segment.ms") == "60000" and value("retention.ms") == "604800000")


@check
def offsets_and_records():
    name = topic("offsets")
    for i in range(10):
        send(name, [str(i)], timestamp=1_700_000_000_000 + (5 - i) ** 2)

    def at(spec, **more):
        [found] = admin.list_offsets({TopicPartition(name, 0): spec}, **more).values()
        return found.result(10).offset

    equal([at(OffsetSpec.earliest()), at(OffsetSpec.latest()), at(OffsetSpec.max_timestamp())], [0, 10, 0])
    equal(at(OffsetSpec.for_timestamp(1_700_000_000_010)), 0)
    equal(at(OffsetSpec.latest(), isolation_level=IsolationLevel.READ_COMMITTED), 10)
    [cut] = admin.delete_records([TopicPartition(name, 0, 4)]).values()
    equal(cut.result(10).low_watermark, 4)
    equal(at(OffsetSpec.earliest()), 4)
    equal(code_of(lambda: [each.result(10) for each in admin.delete_records([TopicPartition(name, 0, 99)]).values()]), KafkaError.OFFSET_OUT_OF_RANGE)


@check
def groups():
    name, group = topic("groups", 2), fresh("group")
    wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(name, 0, 3), TopicPartition(name, 1, 4)])
    send(name, ["x"] * 5, partition=0)
    [altered] = admin.alter_consumer_group_offsets([wanted]).values()
    altered.result(10)
    [listed] = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]).values()
    equal(sorted((each.partition, each.offset) for each in listed.result(10).topic_partitions), [(0, 3), (1, 4)])
    equal([each.group_id for each in admin.list_consumer_groups().result(10).valid if each.group_id == group], [group])
    [described] = admin.describe_consumer_groups([group]).values()
    equal((described.result(10).state.name, described.result(10).members), ("EMPTY", []))
    reader = consumer(group)
    reader.subscribe([name])
    equal(read(reader, 1)[0].offset(), 3)
    equal(code_of(lambda: [each.result(10) for each in admin.delete_consumer_groups([group]).values()]), KafkaError.NON_EMPTY_GROUP)
    reader.close()
    [deleted] = admin.delete_consumer_groups([group]).values()
    deleted.result(10)
    equal(code_of(lambda: [each.result(10) for each in admin.delete_consumer_groups([group]).values()]), KafkaError.GROUP_ID_NOT_FOUND)


@check
def transactions():
    name, source, group = topic("transactions", 2), topic("source"), fresh("group")
    send(source, ["x"] * 3)
    reader = consumer(group)
    reader.subscribe([source])
    read(reader, 3)
    made = producer(transactional_id=fresh("id"))
    made.init_transactions(20)
    for outcome in ["commit", "abort", "commit"]:
        made.begin_transaction()
        for partition in range(2):
            made.produce(name, value=outcome, partition=partition)
        # What is still in the client when a transaction is aborted is never sent.
        made.flush(10)
        made.send_offsets_to_transaction(reader.position(reader.assignment()), reader.consumer_group_metadata(), 10)
        made.commit_transaction(20) if outcome == "commit" else made.abort_transaction(20)
    equal(reader.committed([TopicPartition(source, 0)], timeout=10)[0].offset, 3)
    reader.close()
    for partition in range(2):
        got = read_assigned(name, 2, partition, isolation_level="read_committed")
        equal([message.value() for message in got], [b"commit", b"commit"])
        equal(len(read_assigned(name, 3, partition, isolation_level="read_uncommitted")), 3)


@check
def fencing():
    name, id = topic("fenced"), fresh("id")
    older = producer(transactional_id=id)
    older.init_transactions(20)
    older.begin_transaction()
    older.produce(name, value="old")
    older.flush(10)
    newer = producer(transactional_id=id)
    newer.init_transactions(20)
    newer.begin_transaction()
    newer.produce(name, value="new")
    newer.commit_transaction(20)
    try:
        older.commit_transaction(20)
        raise AssertionError("the older one committed")
    except KafkaException as caught:
        error = caught.args[0]
        if not error.fatal() or error.code() not in (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH):
            raise
    equal([message.value() for message in read_assigned(name, 1, isolation_level="read_committed")], [b"new"])


@check
def errors():
    [(error, _)] = send(fresh("unknown"), ["x"], producer(message_timeout_ms=3000))
    if error is None or error.code() not in (KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._MSG_TIMED_OUT):
        raise AssertionError(str(error))
    small = topic("small", 1, {"max.message.bytes": "1000"})
    [(error, _)] = send(small, ["x" * 5000], producer(compression_codec="none"))
    equal(error.code(), KafkaError.MSG_SIZE_TOO_LARGE)
    far = consumer(auto_offset_reset="error")
    far.assign([TopicPartition(small, 0, 1000)])
    message = eventually("an error", lambda: far.poll(0.1))
    equal(message.error().code(), KafkaError._AUTO_OFFSET_RESET)
    far.close()
    session = consumer(session_timeout_ms=100, heartbeat_interval_ms=50)
    session.subscribe([small])
    message = eventually("the session is refused", lambda: session.poll(0.1))
    equal(message.error().code(), KafkaError.INVALID_SESSION_TIMEOUT)
    session.close()


@check
def no_authorizer():
    everything = AclBindingFilter(ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY)
    # The client gives no error for SECURITY_DISABLED, only nothing.
    equal(admin.describe_acls(everything).result(10), [])


main()
