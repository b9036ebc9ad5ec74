// C52, C53 on a broker without SASL and without an authorizer; telemetry without a receiver; SCRAM credentials, which are kept all the same.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SaslHandshake } from '../../protocol/messages/17-sasl-handshake.ts';
import { ApiVersions } from '../../protocol/messages/18-api-versions.ts';
import { DescribeAcls } from '../../protocol/messages/29-describe-acls.ts';
import { CreateAcls } from '../../protocol/messages/30-create-acls.ts';
import { DeleteAcls } from '../../protocol/messages/31-delete-acls.ts';
import { SaslAuthenticate } from '../../protocol/messages/36-sasl-authenticate.ts';
import { CreateDelegationToken } from '../../protocol/messages/38-create-delegation-token.ts';
import { RenewDelegationToken } from '../../protocol/messages/39-renew-delegation-token.ts';
import { ExpireDelegationToken } from '../../protocol/messages/40-expire-delegation-token.ts';
import { DescribeDelegationToken } from '../../protocol/messages/41-describe-delegation-token.ts';
import { IncrementalAlterConfigs } from '../../protocol/messages/44-incremental-alter-configs.ts';
import { DescribeUserScramCredentials } from '../../protocol/messages/50-describe-user-scram-credentials.ts';
import { AlterUserScramCredentials } from '../../protocol/messages/51-alter-user-scram-credentials.ts';
import { GetTelemetrySubscriptions } from '../../protocol/messages/71-get-telemetry-subscriptions.ts';
import { PushTelemetry } from '../../protocol/messages/72-push-telemetry.ts';
import { eventually, type ForeignBroker, freshName, startBroker } from '../foreign/harness.ts';
import { Wire } from './wire.ts';

const NO_USER_ID = 'AAAAAAAAAAAAAAAAAAAAAA';

describe('security', () => {
  let broker: ForeignBroker;
  let wire: Wire;

  beforeAll(async () => {
    broker = await startBroker();
    wire = await Wire.open(broker);
  });
  afterAll(async () => {
    wire?.close();
    await broker?.dispose();
  });

  test('C52 SASL is out of place on a plain listener', async () => {
    for (const version of [0, 1]) {
      expect(await wire.ask(SaslHandshake, version, { mechanism: 'PLAIN' })).toEqual({ errorCode: 34, mechanisms: [] });
    }
    for (const version of [0, 1, 2]) {
      const answer = await wire.ask(SaslAuthenticate, version, { authBytes: Buffer.from('\0u\0p') });
      expect(answer).toMatchObject({ errorCode: 34, authBytes: Buffer.alloc(0), sessionLifetimeMs: 0 });
    }
  });

  const rule = { resourceType: 2, resourceName: 't', resourcePatternType: 3, principal: 'User:u', host: '*' };
  const filter = { resourceTypeFilter: 2, patternTypeFilter: 3, principalFilter: null, hostFilter: null };

  test('C53 without an authorizer: 54, for each rule', async () => {
    for (const version of [1, 2, 3]) {
      const wanted = { ...filter, resourceNameFilter: null, operation: 1, permissionType: 1 };
      expect(await wire.ask(DescribeAcls, version, wanted)).toMatchObject({ errorCode: 54, resources: [] });
      const creations = [3, 4].map((operation) => ({ ...rule, operation, permissionType: 3 }));
      const { results } = await wire.ask(CreateAcls, version, { creations });
      expect(results.map(({ errorCode }) => errorCode)).toEqual([54, 54]);
      const { filterResults } = await wire.ask(DeleteAcls, version, { filters: [wanted] });
      expect(filterResults).toMatchObject([{ errorCode: 54, matchingAcls: [] }]);
    }
  });

  test('C53 unknown codes in a rule break the protocol', async () => {
    const hostile = await Wire.open(broker);
    const creations = [{ ...rule, operation: 0, permissionType: 3 }];
    hostile.send(CreateAcls, 3, { creations });
    expect(await hostile.isClosedBy()).toBe(true);
  });

  test('delegation tokens are not for who did not log in', async () => {
    for (const version of [1, 2, 3]) {
      const made = await wire.ask(CreateDelegationToken, version, {
        ownerPrincipalType: 'User',
        ownerPrincipalName: version === 3 ? 'joe' : '',
        renewers: [],
        maxLifetimeMs: -1,
      });
      expect(made).toMatchObject({ errorCode: 64, principalName: version === 3 ? 'joe' : 'ANONYMOUS', tokenId: '' });
      expect(await wire.ask(DescribeDelegationToken, version, { owners: null })).toMatchObject({
        errorCode: 64,
        tokens: [],
      });
    }
    const hmac = Buffer.from('h');
    for (const version of [1, 2]) {
      expect((await wire.ask(RenewDelegationToken, version, { hmac, renewPeriodMs: 1 })).errorCode).toBe(64);
      expect((await wire.ask(ExpireDelegationToken, version, { hmac, expiryTimePeriodMs: 1 })).errorCode).toBe(64);
    }
  });

  test('SCRAM credentials: bounds, one alteration a user, and never a secret', async () => {
    const user = freshName('user');
    const alter = async (deletions: [string, number][], upsertions: [string, number, number][]) => {
      const { results } = await wire.ask(AlterUserScramCredentials, 0, {
        deletions: deletions.map(([name, mechanism]) => ({ name, mechanism })),
        upsertions: upsertions.map(([name, mechanism, iterations]) => ({
          name,
          mechanism,
          iterations,
          salt: Buffer.from('salt'),
          saltedPassword: Buffer.from('salted'),
        })),
      });
      return results.map(({ errorCode }) => errorCode);
    };
    const describeUser = async (...names: string[]) => {
      const users = names.map((name) => ({ name }));
      return (await wire.ask(DescribeUserScramCredentials, 0, { users })).results;
    };
    expect(await describeUser(user)).toMatchObject([{ user, errorCode: 91, credentialInfos: [] }]);
    expect(await alter([], [[user, 1, 4096]])).toEqual([0]);
    expect(await alter([], [[user, 2, 16_384]])).toEqual([0]);
    await eventually(
      'both credentials are there',
      async () => (await describeUser(user))[0]!.credentialInfos.length === 2,
    );
    const infos = (await describeUser(user))[0]!.credentialInfos.map(({ mechanism, iterations }) => [
      mechanism,
      iterations,
    ]);
    expect(infos.sort()).toEqual([
      [1, 4096],
      [2, 16_384],
    ]);
    expect(await describeUser(user, user)).toMatchObject([{ errorCode: 92 }]);
    expect(await alter([], [[user, 1, 4095]])).toEqual([93]);
    expect(await alter([], [[user, 1, 16_385]])).toEqual([93]);
    expect(await alter([], [['', 1, 4096]])).toEqual([93]);
    expect(await alter([], [[user, 3, 4096]])).toEqual([33]);
    expect(await alter([[freshName('nobody'), 1]], [])).toEqual([91]);
    expect(await alter([[user, 1]], [[user, 2, 4096]])).toEqual([92]);
    expect(await alter([[user, 1]], [])).toEqual([0]);
    expect(await alter([[user, 2]], [])).toEqual([0]);
    await eventually('they are gone', async () => (await describeUser(user))[0]!.errorCode === 91);
  });

  test('telemetry without a receiver: not named, but answered, with the subscriptions that match', async () => {
    const { apiKeys } = await wire.ask(ApiVersions, 3, { clientSoftwareName: 'wire', clientSoftwareVersion: '1.0' });
    expect(apiKeys.map(({ apiKey }) => apiKey)).not.toContain(GetTelemetrySubscriptions.key);
    const alter = async (configs: Record<string, string>) => {
      const entries = Object.entries(configs).map(([name, value]) => ({ name, value, configOperation: 0 }));
      const resources = [{ resourceType: 16, resourceName: freshName('subscription'), configs: entries }];
      return (await wire.ask(IncrementalAlterConfigs, 1, { resources, validateOnly: false })).responses[0]!.errorCode;
    };
    expect(await alter({ 'interval.ms': '99' })).toBe(42);
    expect(await alter({ colour: 'red' })).toBe(42);
    expect(await alter({ match: 'shoe_size=4.*' })).toBe(40);
    expect(await alter({ metrics: 'org.apache.', 'interval.ms': '60000', match: 'client_software_name=wire' })).toBe(0);
    expect(await alter({ metrics: 'other.', 'interval.ms': '50000', match: 'client_id=nobody' })).toBe(0);
    const ask = (clientInstanceId: string) => wire.ask(GetTelemetrySubscriptions, 0, { clientInstanceId });
    await eventually('the subscription is known', async () => (await ask(NO_USER_ID)).requestedMetrics.length > 0);
    const first = await ask(NO_USER_ID);
    expect(first).toMatchObject({
      errorCode: 0,
      pushIntervalMs: 60_000,
      requestedMetrics: ['org.apache.'],
      deltaTemporality: true,
    });
    const { clientInstanceId, subscriptionId } = first;
    expect(clientInstanceId).not.toBe(NO_USER_ID);
    expect((await ask(clientInstanceId)).errorCode).toBe(89);
    const push = async (change: object = {}) => {
      const body = {
        clientInstanceId,
        subscriptionId,
        terminating: false,
        compressionType: 0,
        metrics: Buffer.from('m'),
      };
      return (await wire.ask(PushTelemetry, 0, { ...body, ...change })).errorCode;
    };
    expect(await push()).toBe(0);
    expect(await push()).toBe(89);
    expect(await push({ clientInstanceId: NO_USER_ID })).toBe(42);
    expect(await push({ terminating: true, subscriptionId: subscriptionId ^ 1 })).toBe(117);
    expect(await push({ terminating: true })).toBe(42);
  });
});
