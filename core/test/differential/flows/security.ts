// C52 and C53 on a plain listener without an authorizer.
import { SaslHandshake } from '../../../protocol/messages/17-sasl-handshake.ts';
import { DescribeAcls } from '../../../protocol/messages/29-describe-acls.ts';
import { CreateAcls } from '../../../protocol/messages/30-create-acls.ts';
import { DeleteAcls } from '../../../protocol/messages/31-delete-acls.ts';
import { SaslAuthenticate } from '../../../protocol/messages/36-sasl-authenticate.ts';
import { CreateDelegationToken } from '../../../protocol/messages/38-create-delegation-token.ts';
import { RenewDelegationToken } from '../../../protocol/messages/39-renew-delegation-token.ts';
import { ExpireDelegationToken } from '../../../protocol/messages/40-expire-delegation-token.ts';
import { DescribeDelegationToken } from '../../../protocol/messages/41-describe-delegation-token.ts';
import { DescribeUserScramCredentials } from '../../../protocol/messages/50-describe-user-scram-credentials.ts';
import { AlterUserScramCredentials } from '../../../protocol/messages/51-alter-user-scram-credentials.ts';
import { each, type Flow, flow, step } from '../flow.ts';

const filter = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
};
const salt = Buffer.from('0123456789abcdef');

export const security: readonly Flow[] = [
  flow('sasl handshake', each(SaslHandshake), (v) => [
    step(SaslHandshake, v, { mechanism: 'PLAIN' }),
    step(SaslHandshake, v, { mechanism: 'NOTHING' }, { what: 'unknown' }),
  ]),
  flow('sasl authenticate', each(SaslAuthenticate), (v) => [
    step(SaslAuthenticate, v, { authBytes: Buffer.from('\0user\0secret') }),
  ]),
  flow('describe acls', each(DescribeAcls), (v) => [step(DescribeAcls, v, filter)]),
  flow('create acls', each(CreateAcls), (v) => [
    step(CreateAcls, v, {
      creations: [
        {
          resourceType: 2,
          resourceName: 'x',
          resourcePatternType: 3,
          principal: 'User:x',
          host: '*',
          operation: 3,
          permissionType: 3,
        },
      ],
    }),
  ]),
  flow('delete acls', each(DeleteAcls), (v) => [step(DeleteAcls, v, { filters: [filter] })]),
  flow('create tokens', each(CreateDelegationToken), (v) => [
    step(CreateDelegationToken, v, { renewers: [], maxLifetimeMs: 1000 }),
  ]),
  flow('renew tokens', each(RenewDelegationToken), (v) => [
    step(RenewDelegationToken, v, { hmac: salt, renewPeriodMs: 1000 }),
  ]),
  flow('expire tokens', each(ExpireDelegationToken), (v) => [
    step(ExpireDelegationToken, v, { hmac: salt, expiryTimePeriodMs: 1000 }),
  ]),
  flow('describe tokens', each(DescribeDelegationToken), (v) => [
    step(DescribeDelegationToken, v, { owners: null }),
    step(DescribeDelegationToken, v, { owners: [{ principalType: 'User', principalName: 'x' }] }, { what: 'of one' }),
  ]),
  flow('scram', each(AlterUserScramCredentials), (v, name) => {
    const user = name('user');
    const put = (what: string, extra: object) =>
      step(
        AlterUserScramCredentials,
        v,
        {
          deletions: [],
          upsertions: [
            { name: user, mechanism: 1, iterations: 4096, salt, saltedPassword: Buffer.alloc(32, 7), ...extra },
          ],
        },
        { what },
      );
    const show = (what: string, users: readonly object[] | null) =>
      step(DescribeUserScramCredentials, 0, { users }, { what });
    return [
      show('unknown', [{ name: user }]),
      show('twice', [{ name: user }, { name: user }]),
      show('no name', [{ name: '' }]),
      put('', {}),
      put('few iterations', { iterations: 10 }),
      put('many iterations', { iterations: 100_000 }),
      put('an unknown mechanism', { mechanism: 9 }),
      put('no name', { name: '' }),
      step(
        DescribeUserScramCredentials,
        0,
        { users: [{ name: user }] },
        { until: ({ results }) => results[0]?.errorCode === 0 },
      ),
      step(
        AlterUserScramCredentials,
        v,
        { deletions: [{ name: user, mechanism: 2 }], upsertions: [] },
        { what: 'delete what is not there' },
      ),
      step(
        AlterUserScramCredentials,
        v,
        { deletions: [{ name: user, mechanism: 1 }], upsertions: [] },
        { what: 'delete' },
      ),
    ];
  }),
];
