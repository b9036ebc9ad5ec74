// Share groups as Apache Kafka's own commands show and change them, and what their decoder makes of the records behind them.
// The member is a raw connection, so that each state lasts as long as the commands look at it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ShareGroupHeartbeat } from '../../protocol/messages/76-share-group-heartbeat.ts';
import { batchOf, createTopic, findCoordinator, produce, Wire } from '../behaviours/wire.ts';
import { disposeClean } from './data-folder.ts';
import { eventually, type ForeignBroker, freshName, owned, skipped, startBroker } from './harness.ts';
import { dataFiles, dumpLog, java, kafkaClasspath, type tools } from './java.ts';

const at = kafkaClasspath();
const jvmMsMax = 60_000;

describe.skipIf('missing' in at && skipped('share group tools', at.missing))(
  'share group tools',
  { timeout: 120_000 },
  () => {
    let broker: ForeignBroker;
    let wire: Wire;

    beforeAll(async () => {
      broker = await startBroker({
        set: {
          'group.share.assignment.interval.ms': 0,
          'share.coordinator.state.topic.num.partitions': 2,
          'share.coordinator.state.topic.replication.factor': 1,
          'share.coordinator.state.topic.min.isr': 1,
        },
      });
      wire = await Wire.open(broker);
      await findCoordinator(wire, 'first');
    });
    afterAll(async () => {
      wire?.close();
      await disposeClean(broker, 'share-group-tools');
    });

    const call = (tool: keyof typeof tools, ...args: string[]) =>
      java(tool, ['--bootstrap-server', broker.bootstrap, ...args], '', jvmMsMax);
    /** Stdout of a tool that must succeed, its runs of blanks made one. */
    const run = async (tool: keyof typeof tools, ...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await call(tool, ...args);
      expect(code, `${tool} ${args.join(' ')}\n${stdout}\n${stderr}`).toBe(0);
      return stdout.replaceAll(/[ \t]+/g, ' ');
    };

    test('offsets, states and members of a share group; settings of a group; dump-log reads what is stored', async () => {
      const [topic, group] = [freshName('tools'), freshName('s')];
      await createTopic(wire, topic, 2);
      await produce(wire, topic, batchOf(['a', 'b', 'c']));
      const [reset, altered] = await Promise.all([
        run('shareGroups', '--reset-offsets', '--group', group, '--topic', topic, '--to-earliest', '--execute'),
        run(
          'configs',
          ...['--entity-type', 'groups', '--entity-name', group, '--alter'],
          ...['--add-config', 'share.session.timeout.ms=60000,share.auto.offset.reset=by_duration:PT1H'],
        ),
      ]);
      expect(reset).toContain(`${group} ${topic} 0 0`);
      expect(altered).toContain(`Completed updating config for group ${group}.`);

      const beat = (memberEpoch: number, topics: string[] | null) =>
        wire.ask(ShareGroupHeartbeat, 1, {
          groupId: group,
          memberId: 'member-1',
          memberEpoch,
          subscribedTopicNames: topics,
        });
      let epoch = (await beat(0, [topic])).memberEpoch;
      await eventually('the assignment', async () => {
        const answer = await beat(epoch, [topic]);
        epoch = answer.memberEpoch;
        return answer.assignment?.topicPartitions[0]?.partitions.length === 2;
      });
      // Two at a time: each is a JVM.
      const [offsets, members] = await Promise.all([
        run('shareGroups', '--describe', '--group', group, '--verbose'),
        run('shareGroups', '--describe', '--group', group, '--members', '--verbose'),
      ]);
      const [listed, settings] = await Promise.all([
        run('groupsOfAllKinds', '--list'),
        run('configs', '--entity-type', 'groups', '--describe'),
      ]);
      expect(offsets).toContain(`${group} ${topic} 0 0 0 3`);
      expect(offsets).toContain(`${group} ${topic} 1 0 0 0`);
      expect(members).toContain(`${group} member-1 /127.0.0.1 wire 2 ${epoch} ${topic}:0,1`);
      expect(listed).toContain(`${group} Share share`);
      expect(settings).toMatch(
        /share\.session\.timeout\.ms=60000 .*DYNAMIC_GROUP_CONFIG:share\.session\.timeout\.ms=60000/,
      );
      expect(settings).toContain('share.auto.offset.reset=by_duration:PT1H');

      await beat(-1, null);
      expect(await run('shareGroups', '--delete-offsets', '--group', group, '--topic', topic)).toContain(
        `${topic} Successful`,
      );
      const deleted = await run('shareGroups', '--delete', '--group', group);
      expect(deleted).toContain(`Deletion of requested share groups ('${group}') was successful.`);
      if (!owned) return;
      const { complaints, stdout } = await dumpLog(
        dataFiles(broker.dataDir).offsets,
        '--offsets-decoder',
        '--deep-iteration',
      );
      expect(complaints).toEqual([]);
      for (const type of [10, 11, 12, 13, 14, 15])
        expect(stdout).toContain(`{"type":"${type}","data":{"groupId":"${group}"`);
      expect(stdout).toContain(`"subscribedTopicNames":["${topic}"]`);
      expect(stdout).toMatch(/"initializedTopics":\[\{"topicId":"[^"]+","topicName":"[^"]+","partitions":\[0,1\]\}\]/);
      expect(stdout).toContain(`key: {"type":"11","data":{"groupId":"${group}"}} payload: <DELETE>`);
    });
  },
);
