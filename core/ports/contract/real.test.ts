/** The contract on the real adapter, with sendfile and without. */
import { describe } from 'vitest';
import { clockContract } from './clock.ts';
import { filesContract } from './files.ts';
import { networkContract } from './network.ts';
import { realProcessPair } from './process-pair.ts';

describe('clock, real', () => clockContract(() => realProcessPair()));
describe('files, real', () => filesContract(() => realProcessPair()));
describe('network, real, sendfile where it is', () => networkContract(() => realProcessPair('auto')));
describe('network, real, copying', () => networkContract(() => realProcessPair('off')));
