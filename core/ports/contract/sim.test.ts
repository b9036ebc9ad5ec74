/** The contract on the simulated adapter, under several seeds where chance has a say. */
import { describe } from 'vitest';
import { clockContract } from './clock.ts';
import { filesContract } from './files.ts';
import { networkContract } from './network.ts';
import { simProcessPair } from './process-pair.ts';

describe('clock, simulated', () => clockContract(() => simProcessPair()));
describe('files, simulated', () => filesContract(() => simProcessPair()));
for (const seed of [1, 2])
  describe(`network, simulated, seed ${seed}`, () => networkContract(() => simProcessPair(seed)));
