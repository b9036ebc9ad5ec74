// C1–C7: ApiVersions at every version, and what is no request.
import { Fetch } from '../../../protocol/messages/01-fetch.ts';
import { Metadata } from '../../../protocol/messages/03-metadata.ts';
import { Heartbeat } from '../../../protocol/messages/12-heartbeat.ts';
import { ApiVersions } from '../../../protocol/messages/18-api-versions.ts';
import { headerBytes } from '../../behaviours/wire.ts';
import { each, type Flow, flow, step } from '../flow.ts';

const software = { clientSoftwareName: 'wire-probe', clientSoftwareVersion: '1.0' };
const raw = (key: number, version: number, rest: Uint8Array = Buffer.alloc(24)) =>
  Buffer.concat([headerBytes(key, version), rest]);

export const framing: readonly Flow[] = [
  flow('api versions', each(ApiVersions), (v) => [
    step(ApiVersions, v, software),
    ...['', '-x', 'x y', 'x.', 'ünï'].map((name) =>
      step(ApiVersions, v, { ...software, clientSoftwareName: name }, { what: `name «${name}»` }),
    ),
    step(ApiVersions, v, { ...software, clientSoftwareVersion: '?' }, { what: 'version «?»' }),
    step(Metadata, 12, { topics: [] }, { what: 'the connection goes on' }),
  ]),
  flow('no request', [0], () => [
    ...[5, 99, 32767].map((v) => ({ what: `ApiVersions ${v}`, frame: raw(ApiVersions.key, v), connection: `v${v}` })),
    ...(
      [
        [999, 0],
        [-1, 0],
        [4, 0],
        [Metadata.key, 14],
        [Metadata.key, -1],
        [Fetch.key, 3],
        [Fetch.key, 19],
        [0, 2],
        [0, 14],
      ] as const
    ).map(([key, v]) => ({ what: `key ${key} version ${v}`, frame: raw(key, v), connection: `${key} ${v}` })),
    {
      what: 'bytes behind the body',
      frame: raw(Heartbeat.key, 0, Buffer.from([0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3])),
      connection: 'long',
    },
    { what: 'half a body', frame: raw(Metadata.key, 1, Buffer.from([0, 0, 0, 9, 0])), connection: 'half' },
    { what: 'only a key', frame: Buffer.from([0, 3]), connection: 'short' },
    {
      what: 'an array that lies',
      frame: raw(Metadata.key, 1, Buffer.from([0x7f, 0xff, 0xff, 0xff])),
      connection: 'lies',
    },
  ]),
];
