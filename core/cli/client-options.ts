import { addressOf } from '../client/client-config.ts';
import { UsageError } from './usage-error.ts';

/** What the commands that are clients have in common: the flags of Kafka's console tools. */

/** The servers of `--bootstrap-server`; a UsageError where one is none. */
export function bootstrapServers(value: string | undefined): string {
  if (value === undefined) throw new UsageError('--bootstrap-server is needed: HOST:PORT, several with commas');
  for (const server of value.split(',')) {
    try {
      addressOf(server.trim());
    } catch {
      throw new UsageError(`--bootstrap-server ${value}: allowed is HOST:PORT, several with commas`);
    }
  }
  return value;
}

/** For commander: gathers a flag that may be given many times. */
export function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value];
}

/** `key=value` pairs of a flag. With `allowed`, only these keys. */
export function properties(
  flag: string,
  pairs: readonly string[],
  allowed?: readonly string[],
): Record<string, string> {
  const result: Record<string, string> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at <= 0) throw new UsageError(`${flag} ${pair}: allowed is NAME=VALUE`);
    const name = pair.slice(0, at);
    if (allowed !== undefined && !allowed.includes(name)) {
      throw new UsageError(`${flag} ${pair}: allowed names are ${allowed.join(', ')}`);
    }
    result[name] = pair.slice(at + 1);
  }
  return result;
}

export function flagProperty(flag: string, values: Record<string, string>, name: string, fallback: boolean): boolean {
  const value = values[name];
  if (value === undefined) return fallback;
  if (value === 'true' || value === 'false') return value === 'true';
  throw new UsageError(`${flag} ${name}=${value}: allowed are true and false`);
}

/** `\t` and `\n` written out, as a shell passes them on. */
export function unescaped(text: string): string {
  return text.replace(/\\t/g, '\t').replace(/\\n/g, '\n').replace(/\\0/g, '\0');
}
