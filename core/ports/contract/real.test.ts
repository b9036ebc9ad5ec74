/** The contract on the real adapter, with sendfile and without. */
import { describe } from 'vitest';
import { realBench } from './bench.ts';
import { clockContract } from './clock.ts';
import { filesContract } from './files.ts';
import { networkContract } from './network.ts';

describe('clock, real', () => clockContract(() => realBench()));
describe('files, real', () => filesContract(() => realBench()));
describe('network, real, sendfile where it is', () => networkContract(() => realBench('auto')));
describe('network, real, copying', () => networkContract(() => realBench('off')));
