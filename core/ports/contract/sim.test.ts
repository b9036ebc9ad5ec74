/** The contract on the simulated adapter, under several seeds where chance has a say. */
import { describe } from 'vitest';
import { simBench } from './bench.ts';
import { clockContract } from './clock.ts';
import { filesContract } from './files.ts';
import { networkContract } from './network.ts';

describe('clock, simulated', () => clockContract(() => simBench()));
describe('files, simulated', () => filesContract(() => simBench()));
for (const seed of [1, 2]) describe(`network, simulated, seed ${seed}`, () => networkContract(() => simBench(seed)));
