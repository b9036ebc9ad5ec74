import { api, array, int8, int16, int32, string } from '../schema.ts';

/**
 * FindCoordinator: which broker coordinates a group (key type 0), a transactional id (1), or a share partition (2, v6, KIP-932).
 * v1 adds the key type; v4 many keys in one request (KIP-699); v5 TRANSACTION_ABORTABLE (KIP-890).
 */
export const FindCoordinator = api(
  10,
  'FindCoordinator',
  { versions: '0-6', flexible: '3+' },
  {
    key: string('0-3'),
    keyType: int8('1+'),
    coordinatorKeys: array(string(), '4+'),
  },
  {
    throttleTimeMs: int32('1+'),
    errorCode: int16('0-3'),
    errorMessage: string('1-3', { nullable: '1-3', default: null }),
    nodeId: int32('0-3'),
    host: string('0-3'),
    port: int32('0-3'),
    coordinators: array(
      {
        key: string(),
        nodeId: int32(),
        host: string(),
        port: int32(),
        errorCode: int16(),
        errorMessage: string('4+', { nullable: '4+', default: null }),
      },
      '4+',
    ),
  },
);
