/** A client's driver by its name, on given ports; foreign clients use the system's sockets. */
import type { Ports } from '@mqlab/core/ports/ports.ts';
import type { ClientDriver, ClientName } from './driver.ts';
import { kafkajsDriver } from './kafkajs-driver.ts';
import { mqlabDriver } from './mqlab-driver.ts';
import { platformaticDriver } from './platformatic-driver.ts';

export function openDriver(name: ClientName, ports: Ports, bootstrap: string): ClientDriver {
  switch (name) {
    case 'mqlab':
      return mqlabDriver(ports, bootstrap);
    case 'kafkajs':
      return kafkajsDriver(bootstrap);
    case 'platformatic':
      return platformaticDriver(bootstrap);
  }
}
