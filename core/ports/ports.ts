import type { Clock } from './clock.ts';
import type { Files } from './files.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';

/** Everything that is outside the process. Handed to constructors; nobody reaches around it. */
export interface Ports {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly network: Network;
}
