import type { Address } from '../ports/network.ts';

/** `NAME://host:port` in `listeners` and `advertised.listeners`. */
export interface EndPoint extends Address {
  readonly name: string;
}

const FORM = /^([A-Za-z0-9_-]+):\/\/(?:\[([^\]]*)\]|([^:/[\]]*)):(\d+)$/;
const PORT_MAX = 65535;

/** null = not of the form NAME://HOST:PORT. */
export function parseEndPoint(text: string): EndPoint | null {
  const match = FORM.exec(text.trim());
  if (match === null) return null;
  const port = Number(match[4]);
  if (port > PORT_MAX) return null;
  return { name: match[1]!.toUpperCase(), host: match[2] ?? match[3] ?? '', port };
}

/** No address that a client could connect to: every interface of the machine. */
export function isWildcard(host: string): boolean {
  return host === '' || host === '0.0.0.0' || host === '::';
}

/** `NAME:PROTOCOL,…` */
export function parseProtocolMap(text: string): Map<string, string> {
  const protocols = new Map<string, string>();
  for (const pair of text.split(',')) {
    const [name, protocol] = pair.split(':');
    if (name !== undefined && protocol !== undefined) protocols.set(name.trim().toUpperCase(), protocol.trim());
  }
  return protocols;
}
