/** A client's driver by its name, as `open-driver.ts` gives it, with no other client's code loaded: for processes that live for one client, and not long. */
import type { Ports } from '@mqlab/core/ports/ports.ts';
import type { ClientDriver, ClientName } from './driver.ts';

export async function loadDriver(name: ClientName, ports: Ports, bootstrap: string): Promise<ClientDriver> {
  switch (name) {
    case 'mqlab':
      return (await import('./mqlab-driver.ts')).mqlabDriver(ports, bootstrap);
    case 'kafkajs':
      return (await import('./kafkajs-driver.ts')).kafkajsDriver(bootstrap);
    case 'platformatic':
      return (await import('./platformatic-driver.ts')).platformaticDriver(bootstrap);
  }
}
