// Finalized features (KIP-584, KIP-778, KIP-1022): upgrades and downgrades, and that the broker follows them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiVersions } from '../../protocol/messages/18-api-versions.ts';
import { UpdateFeatures } from '../../protocol/messages/57-update-features.ts';
import { ConsumerGroupHeartbeat } from '../../protocol/messages/68-consumer-group-heartbeat.ts';
import { ConsumerGroupDescribe } from '../../protocol/messages/69-consumer-group-describe.ts';
import { ShareGroupHeartbeat } from '../../protocol/messages/76-share-group-heartbeat.ts';
import { eventually, type ForeignBroker, freshName, owned, startBroker } from '../foreign/harness.ts';
import { createTopic, findCoordinator, Wire } from './wire.ts';

const [UPGRADE, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE] = [1, 2, 3];
const [INVALID_UPDATE_VERSION, UNSUPPORTED_VERSION] = [95, 35];

describe.skipIf(!owned)('features', { timeout: 60_000 }, () => {
  let broker: ForeignBroker;
  let wire: Wire;

  beforeAll(async () => {
    broker = await startBroker({ set: { 'offsets.topic.num.partitions': 1 } });
    wire = await Wire.open(broker);
  });
  afterAll(async () => {
    wire?.close();
    await broker?.dispose();
  });

  async function finalized() {
    const answer = await wire.ask(ApiVersions, 4, { clientSoftwareName: 'wire', clientSoftwareVersion: '1' });
    const levels = new Map(answer.finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]));
    return { levels, epoch: answer.finalizedFeaturesEpoch };
  }
  async function update(
    feature: string,
    maxVersionLevel: number,
    upgradeType: number,
    { version = 2, validateOnly = false } = {},
  ) {
    const featureUpdates = [{ feature, maxVersionLevel, upgradeType }];
    return wire.ask(UpdateFeatures, version, { timeoutMs: 5000, featureUpdates, validateOnly });
  }
  const levelBecomes = (feature: string, level: number) =>
    eventually(`${feature} ${level}`, async () => ((await finalized()).levels.get(feature) ?? 0) === level);
  const heartbeat = async (groupId: string) => {
    const fields = {
      groupId,
      memberId: '',
      memberEpoch: 0,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: 30_000,
    };
    const rest = { subscribedTopicNames: ['t'], subscribedTopicRegex: null, serverAssignor: null, topicPartitions: [] };
    return (await wire.ask(ConsumerGroupHeartbeat, 0, { ...fields, ...rest })).errorCode;
  };

  test('UpdateFeatures refuses what cannot be, and then changes nothing', async () => {
    const before = await finalized();
    const refusals: [string, number, number, RegExp][] = [
      ['nope', 1, UPGRADE, /for feature nope\. Local controller 1 does not support this feature\.$/],
      ['group.version', 9, UPGRADE, /Local controller 1 only supports versions 0-1$/],
      ['group.version', -1, UPGRADE, /cannot be less than 0\.$/],
      ['group.version', 0, UPGRADE, /without setting the upgrade type to either safe or unsafe downgrade\.$/],
      ['group.version', 0, 0, /does not support the given upgrade type\.$/],
      ['group.version', 0, 7, /does not support the given upgrade type\.$/],
      ['metadata.version', 99, UPGRADE, /only supports versions \d+-\d+$/],
    ];
    for (const [feature, level, type, message] of refusals) {
      const { errorCode, errorMessage, results } = await update(feature, level, type);
      expect([errorCode, results]).toEqual([INVALID_UPDATE_VERSION, []]);
      expect(errorMessage).toMatch(message);
    }
    const featureUpdates = [
      { feature: 'transaction.version', maxVersionLevel: 1, upgradeType: SAFE_DOWNGRADE },
      { feature: 'nope', maxVersionLevel: 1, upgradeType: UPGRADE },
    ];
    expect((await wire.ask(UpdateFeatures, 1, { timeoutMs: 5000, featureUpdates })).errorCode).toBe(
      INVALID_UPDATE_VERSION,
    );
    expect((await update('transaction.version', 1, SAFE_DOWNGRADE, { validateOnly: true })).errorCode).toBe(0);
    expect((await wire.ask(UpdateFeatures, 1, { timeoutMs: 5000, featureUpdates: [] })).errorCode).toBe(0);
    expect((await finalized()).levels).toEqual(before.levels);
  });

  test('transaction.version goes down and up; the epoch of the features rises, and the levels outlive the broker', async () => {
    const { epoch, levels } = await finalized();
    expect(levels.get('transaction.version')).toBe(2);
    const old = {
      timeoutMs: 5000,
      featureUpdates: [{ feature: 'transaction.version', maxVersionLevel: 1, allowDowngrade: false }],
    };
    expect((await wire.ask(UpdateFeatures, 0, old)).errorCode).toBe(INVALID_UPDATE_VERSION);
    const down = await update('transaction.version', 1, SAFE_DOWNGRADE, { version: 1 });
    expect(down).toMatchObject({ errorCode: 0, results: [{ feature: 'transaction.version', errorCode: 0 }] });
    await levelBecomes('transaction.version', 1);
    expect((await finalized()).epoch).toBeGreaterThan(epoch);
    expect((await update('transaction.version', 2, SAFE_DOWNGRADE)).errorMessage).toMatch(
      /Can't downgrade to a newer version/,
    );
    wire.close();
    await broker.stop();
    await broker.restart();
    wire = await Wire.open(broker);
    expect((await finalized()).levels.get('transaction.version')).toBe(1);
    expect(await update('transaction.version', 2, UPGRADE)).toMatchObject({ errorCode: 0, results: [] });
    await levelBecomes('transaction.version', 2);
  });

  test('group.version 0 and share.version 0: their groups are refused, until the level is back', async () => {
    await createTopic(wire, freshName('t'));
    await findCoordinator(wire, 'g');
    expect(await heartbeat('g')).toBe(0);
    expect((await update('group.version', 0, UNSAFE_DOWNGRADE)).errorCode).toBe(0);
    expect((await update('share.version', 0, SAFE_DOWNGRADE)).errorCode).toBe(0);
    await levelBecomes('share.version', 0);
    expect(await heartbeat('g')).toBe(UNSUPPORTED_VERSION);
    const { groups } = await wire.ask(ConsumerGroupDescribe, 0, {
      groupIds: ['g'],
      includeAuthorizedOperations: false,
    });
    expect(groups.map(({ groupId, errorCode }) => [groupId, errorCode])).toEqual([['g', UNSUPPORTED_VERSION]]);
    const share = {
      groupId: 's',
      memberId: 'AAAAAAAAAAAAAAAAAAAAAQ',
      memberEpoch: 0,
      rackId: null,
      subscribedTopicNames: ['t'],
    };
    expect((await wire.ask(ShareGroupHeartbeat, 1, share)).errorCode).toBe(UNSUPPORTED_VERSION);
    expect((await update('group.version', 1, UPGRADE)).errorCode).toBe(0);
    expect((await update('share.version', 1, UPGRADE)).errorCode).toBe(0);
    await levelBecomes('share.version', 1);
    expect(await heartbeat('g')).toBe(0);
  });
});
