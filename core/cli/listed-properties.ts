import { UsageError } from './usage-error.ts';

/** `k1=v1,k2=[v2,v3],k3=` of Kafka's tools: pairs with commas between; a value that has commas stands in brackets. */
export function listedProperties(flag: string, text: string): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  let rest = text;
  while (rest !== '') {
    const match = /^\s*([^=,\s]+)\s*=\s*(?:\[([^\]]*)\]|([^,]*))\s*(?:,|$)/.exec(rest);
    if (match === null) throw new UsageError(`${flag} ${text}: allowed is NAME=VALUE,NAME=[VALUE,VALUE]…`);
    pairs.push([match[1]!, (match[2] ?? match[3] ?? '').trim()]);
    rest = rest.slice(match[0].length);
  }
  return pairs;
}
