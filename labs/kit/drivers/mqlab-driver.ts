/** The project's own client behind the driver interface. */
import type { Ports } from '@mqlab/core/ports/ports.ts';
import type { ClientDriver } from './driver.ts';

export function mqlabDriver(_ports: Ports, _bootstrap: string): ClientDriver {
  throw new Error('the own client is not there yet');
}
