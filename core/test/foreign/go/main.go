// The broker as franz-go sees it: checks that run one after the other and tell, a line of JSON each, how they went.
// Every expectation here also holds against Apache Kafka 4.3.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	bootstrap = os.Args[1]
	ctx       = context.Background()
	admin     *kadm.Client
)

func main() {
	client := connect()
	defer client.Close()
	admin = kadm.NewClient(client)
	checks := []struct {
		name string
		run  func()
	}{
		{"codecs", codecs}, {"classicGroup", func() { group() }}, {"consumerProtocolGroup", func() {
			group(kgo.WithContext(context.WithValue(ctx, "opt_in_kafka_next_gen_balancer_beta", true)))
		}},
		{"topics", topics}, {"configs", configs}, {"offsets", offsets}, {"groups", groups},
		{"transactions", transactions}, {"consumeTransformProduce", consumeTransformProduce}, {"fencing", fencing},
		{"failures", failures}, {"cluster", cluster},
	}
	for _, check := range checks {
		started := time.Now()
		line, _ := json.Marshal(map[string]any{"name": check.name, "error": attempt(check.run), "ms": time.Since(started).Milliseconds()})
		fmt.Println(string(line))
	}
}

func attempt(run func()) (failure any) {
	defer func() {
		if caught := recover(); caught != nil {
			failure = fmt.Sprint(caught)
		}
	}()
	run()
	return nil
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func equal(found, wanted any) {
	if !reflect.DeepEqual(found, wanted) {
		panic(fmt.Sprintf("%v instead of %v", found, wanted))
	}
}

func is(err error, wanted *kerr.Error) {
	if !errors.Is(err, wanted) {
		panic(fmt.Sprintf("%v instead of %v", err, wanted))
	}
}

func eventually(what string, probe func() bool) {
	for deadline := time.Now().Add(20 * time.Second); !probe(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			panic("not within 20 s: " + what)
		}
	}
}

func fresh(stem string) string {
	bytes := make([]byte, 5)
	_, _ = rand.Read(bytes)
	return stem + "-" + hex.EncodeToString(bytes)
}

func connect(options ...kgo.Opt) *kgo.Client {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(bootstrap), kgo.FetchMaxWait(50 * time.Millisecond), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MetadataMinAge(50 * time.Millisecond),
	}, options...)...)
	must(err)
	return client
}

func topic(stem string, partitions int32, config ...string) string {
	name := fresh(stem)
	entries := map[string]*string{}
	for i := 0; i < len(config); i += 2 {
		entries[config[i]] = &config[i+1]
	}
	made, err := admin.CreateTopic(ctx, partitions, 1, entries, name)
	must(err)
	must(made.Err)
	return name
}

func send(client *kgo.Client, name string, values ...string) {
	for _, value := range values {
		must(client.ProduceSync(ctx, &kgo.Record{Topic: name, Value: []byte(value)}).FirstErr())
	}
}

func read(name string, count int, options ...kgo.Opt) []*kgo.Record {
	from := map[string]map[int32]kgo.Offset{name: {0: kgo.NewOffset().AtStart()}}
	reader := connect(append([]kgo.Opt{kgo.ConsumePartitions(from)}, options...)...)
	defer reader.Close()
	return poll(reader, count)
}

func poll(reader *kgo.Client, count int) (records []*kgo.Record) {
	limited, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for len(records) < count {
		fetches := reader.PollFetches(limited)
		must(fetches.Err())
		records = append(records, fetches.Records()...)
	}
	return records
}

func codecs() {
	name := topic("codecs", 1)
	for _, codec := range []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	} {
		client := connect(kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(0))
		for i := 0; i < 20; i++ {
			record := &kgo.Record{Topic: name, Key: []byte("k"), Value: []byte(fmt.Sprintf("value %d of all of them", i)), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("v")}}}
			client.Produce(ctx, record, func(_ *kgo.Record, err error) { must(err) })
		}
		must(client.Flush(ctx))
		client.Close()
	}
	records := read(name, 100)
	for i, record := range records {
		equal(record.Offset, int64(i))
		equal(string(record.Value), fmt.Sprintf("value %d of all of them", i%20))
		equal(string(record.Headers[0].Value), "v")
	}
}

func group(extra ...kgo.Opt) {
	name, id := topic("group", 4), fresh("group")
	var seen atomic.Int64
	member := func() *kgo.Client {
		options := []kgo.Opt{kgo.ConsumerGroup(id), kgo.ConsumeTopics(name), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.HeartbeatInterval(200 * time.Millisecond), kgo.DisableAutoCommit()}
		return connect(append(options, extra...)...)
	}
	members := []*kgo.Client{member(), member()}
	stopped, stop := context.WithCancel(ctx)
	done := make(chan struct{}, len(members))
	for _, each := range members {
		go func() {
			for stopped.Err() == nil {
				fetches := each.PollFetches(stopped)
				seen.Add(int64(fetches.NumRecords()))
				_ = each.CommitUncommittedOffsets(ctx)
			}
			done <- struct{}{}
		}()
	}
	eventually("both have two partitions", func() bool {
		described, err := admin.DescribeGroups(ctx, id)
		if len(extra) > 0 {
			next, err := admin.DescribeConsumerGroups(ctx, id)
			must(err)
			return next[id].State == "Stable" && len(next[id].Members) == 2
		}
		must(err)
		return described[id].State == "Stable" && len(described[id].Members) == 2
	})
	writer := connect()
	for i := 0; i < 40; i++ {
		must(writer.ProduceSync(ctx, &kgo.Record{Topic: name, Partition: int32(i % 4), Value: []byte("x")}).FirstErr())
	}
	writer.Close()
	eventually("all was read", func() bool { return seen.Load() >= 40 })
	eventually("all was committed", func() bool {
		fetched, err := admin.FetchOffsets(ctx, id)
		must(err)
		committed := int64(0)
		fetched.Each(func(offset kadm.OffsetResponse) { committed += offset.At })
		return committed == 40
	})
	stop()
	for range members {
		<-done
	}
	for _, each := range members {
		each.Close()
	}
	eventually("the group is empty and goes", func() bool {
		deleted, err := admin.DeleteGroup(ctx, id)
		return err == nil && deleted.Err == nil
	})
}

func topics() {
	name := topic("admin", 2, "retention.ms", "12345")
	again, _ := admin.CreateTopic(ctx, 1, 1, nil, name)
	is(again.Err, kerr.TopicAlreadyExists)
	bad, _ := admin.CreateTopic(ctx, 1, 1, nil, "a:b")
	is(bad.Err, kerr.InvalidTopicException)
	many, _ := admin.CreateTopic(ctx, 1, 7, nil, fresh("r"))
	is(many.Err, kerr.InvalidReplicationFactor)
	grown, err := admin.UpdatePartitions(ctx, 5, name)
	must(err)
	must(grown.Error())
	eventually("five partitions", func() bool {
		listed, err := admin.ListTopics(ctx, name)
		must(err)
		return len(listed[name].Partitions) == 5
	})
	gone, err := admin.DeleteTopic(ctx, name)
	must(err)
	must(gone.Err)
	eventually("gone", func() bool {
		listed, err := admin.ListTopics(ctx, name)
		must(err)
		return listed[name].Err != nil
	})
	missing, _ := admin.DeleteTopic(ctx, name)
	is(missing.Err, kerr.UnknownTopicOrPartition)
}

func configs() {
	name := topic("configs", 1)
	value := func(key string) (found string) {
		described, err := admin.DescribeTopicConfigs(ctx, name)
		must(err)
		for _, config := range described[0].Configs {
			if config.Key == key {
				found = config.MaybeValue()
			}
		}
		return found
	}
	to := "777"
	altered, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &to}}, name)
	must(err)
	must(altered[0].Err)
	eventually("was set", func() bool { return value("retention.ms") == to })
	bad := "soon"
	refused, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &bad}}, name)
	must(err)
	is(refused[0].Err, kerr.InvalidConfig)
}

func offsets() {
	name := topic("offsets", 1)
	client := connect()
	defer client.Close()
	start := time.UnixMilli(1_700_000_000_000)
	for i := 0; i < 10; i++ {
		must(client.ProduceSync(ctx, &kgo.Record{Topic: name, Value: []byte("x"), Timestamp: start.Add(time.Duration(i) * time.Second)}).FirstErr())
	}
	at := func(list func() (kadm.ListedOffsets, error)) int64 {
		listed, err := list()
		must(err)
		must(listed.Error())
		return listed[name][0].Offset
	}
	equal(at(func() (kadm.ListedOffsets, error) { return admin.ListStartOffsets(ctx, name) }), int64(0))
	equal(at(func() (kadm.ListedOffsets, error) { return admin.ListEndOffsets(ctx, name) }), int64(10))
	equal(at(func() (kadm.ListedOffsets, error) { return admin.ListCommittedOffsets(ctx, name) }), int64(10))
	equal(at(func() (kadm.ListedOffsets, error) { return admin.ListMaxTimestampOffsets(ctx, name) }), int64(9))
	equal(at(func() (kadm.ListedOffsets, error) { return admin.ListOffsetsAfterMilli(ctx, start.UnixMilli()+3500, name) }), int64(4))
	cut := kadm.Offsets{}
	cut.AddOffset(name, 0, 4, -1)
	deleted, err := admin.DeleteRecords(ctx, cut)
	must(err)
	equal(deleted[name][0].LowWatermark, int64(4))
	equal(at(func() (kadm.ListedOffsets, error) { return admin.ListStartOffsets(ctx, name) }), int64(4))
	equal(read(name, 6)[0].Offset, int64(4))
}

func groups() {
	name, id := topic("groups", 2), fresh("group")
	wanted := kadm.Offsets{}
	wanted.AddOffset(name, 0, 3, -1)
	wanted.AddOffset(name, 1, 4, -1)
	must(admin.CommitAllOffsets(ctx, id, wanted))
	fetched, err := admin.FetchOffsets(ctx, id)
	must(err)
	equal([]int64{fetched[name][0].At, fetched[name][1].At}, []int64{3, 4})
	listed, err := admin.ListGroups(ctx)
	must(err)
	equal(listed[id].State, "Empty")
	some := kadm.TopicsSet{}
	some.Add(name, 0)
	removed, err := admin.DeleteOffsets(ctx, id, some)
	must(err)
	must(removed.Error())
	deleted, err := admin.DeleteGroup(ctx, id)
	must(err)
	must(deleted.Err)
	again, _ := admin.DeleteGroup(ctx, id)
	is(again.Err, kerr.GroupIDNotFound)
}

func transactions() {
	name := topic("transactions", 1)
	client := connect(kgo.TransactionalID(fresh("id")))
	defer client.Close()
	for _, outcome := range []string{"commit", "abort", "commit"} {
		must(client.BeginTransaction())
		send(client, name, outcome)
		must(client.EndTransaction(ctx, kgo.TransactionEndTry(outcome == "commit")))
	}
	committed := read(name, 2, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	equal([]string{string(committed[0].Value), string(committed[1].Value)}, []string{"commit", "commit"})
	equal(len(read(name, 3)), 3)
	_, err := admin.ListTransactions(ctx, nil, nil)
	must(err)
	_, err = admin.DescribeProducers(ctx, kadm.TopicsSet{name: {0: {}}})
	must(err)
}

func consumeTransformProduce() {
	from, to, id := topic("from", 1), topic("to", 1), fresh("group")
	writer := connect()
	send(writer, from, "1", "2", "3")
	writer.Close()
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(bootstrap), kgo.TransactionalID(fresh("id")), kgo.ConsumerGroup(id), kgo.ConsumeTopics(from), kgo.RequireStableFetchOffsets(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(50*time.Millisecond),
	)
	must(err)
	for done := 0; done < 3; {
		fetches := session.PollFetches(ctx)
		must(session.Begin())
		for _, record := range fetches.Records() {
			session.Produce(ctx, &kgo.Record{Topic: to, Value: record.Value}, func(_ *kgo.Record, err error) { must(err) })
		}
		committed, err := session.End(ctx, kgo.TryCommit)
		must(err)
		if committed {
			done += fetches.NumRecords()
		}
	}
	session.Close()
	equal(len(read(to, 3, kgo.FetchIsolationLevel(kgo.ReadCommitted()))), 3)
	fetched, err := admin.FetchOffsets(ctx, id)
	must(err)
	equal(fetched[from][0].At, int64(3))
}

func fencing() {
	name, id := topic("fenced", 1), fresh("id")
	older, newer := connect(kgo.TransactionalID(id)), connect(kgo.TransactionalID(id))
	defer older.Close()
	defer newer.Close()
	must(older.BeginTransaction())
	send(older, name, "old")
	must(newer.BeginTransaction())
	send(newer, name, "new")
	must(newer.EndTransaction(ctx, kgo.TryCommit))
	if older.EndTransaction(ctx, kgo.TryCommit) == nil {
		panic("the older one committed")
	}
	equal(string(read(name, 1, kgo.FetchIsolationLevel(kgo.ReadCommitted()))[0].Value), "new")
}

func failures() {
	client := connect(kgo.UnknownTopicRetries(0), kgo.RecordRetries(0))
	defer client.Close()
	is(client.ProduceSync(ctx, &kgo.Record{Topic: fresh("unknown"), Value: []byte("x")}).FirstErr(), kerr.UnknownTopicOrPartition)
	small := topic("small", 1, "max.message.bytes", "1000")
	plain := connect(kgo.ProducerBatchCompression(kgo.NoCompression()))
	defer plain.Close()
	is(plain.ProduceSync(ctx, &kgo.Record{Topic: small, Value: make([]byte, 5000)}).FirstErr(), kerr.MessageTooLarge)
	far := connect(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{small: {0: kgo.NewOffset().At(1000)}}), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	defer far.Close()
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	is(far.PollFetches(limited).Err(), kerr.OffsetOutOfRange)
	_, err := admin.DescribeACLs(ctx, kadm.NewACLs().AnyResource().Allow().AllowHosts().Deny().DenyHosts().Operations())
	if err != nil && !errors.Is(err, kerr.SecurityDisabled) {
		panic(err)
	}
}

func cluster() {
	metadata, err := admin.Metadata(ctx)
	must(err)
	equal(len(metadata.Brokers), 1)
	_, err = admin.DescribeAllLogDirs(ctx, nil)
	must(err)
	_, err = admin.DescribeClientQuotas(ctx, false, nil)
	must(err)
	_, err = admin.DescribeUserSCRAMs(ctx)
	must(err)
	_, err = admin.ListPartitionReassignments(ctx, nil)
	must(err)
}
