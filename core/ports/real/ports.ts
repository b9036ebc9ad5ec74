/** The ports of a real process. */
import type { Ports } from '../ports.ts';
import { realClock } from './clock.ts';
import { realFiles } from './files.ts';
import { type RealNetwork, type RealNetworkOptions, realNetwork } from './network.ts';
import { realRandom } from './random.ts';

export interface RealPorts extends Ports {
  readonly network: RealNetwork;
}

export function realPorts(options: RealNetworkOptions = {}): RealPorts {
  return { clock: realClock(), random: realRandom(), files: realFiles(), network: realNetwork(options) };
}
