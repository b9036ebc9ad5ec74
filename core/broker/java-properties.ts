/**
 * Java's .properties text: `key=value`, `key: value` or `key value`, comments with # or !, a backslash at a line's end goes on in the next line,
 * \t \n \r \f \uXXXX. A key that stands twice has its last value.
 */
export function parseJavaProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>();
  for (const line of logicalLines(text)) {
    const { key, rest } = splitKey(line);
    properties.set(unescaped(key), unescaped(rest));
  }
  return properties;
}

function* logicalLines(text: string): Generator<string> {
  let pending: string | null = null;
  for (const natural of text.split(/\r\n|\n|\r/)) {
    const line = natural.replace(/^[ \t\f]+/, '');
    if (pending === null && (line === '' || line.startsWith('#') || line.startsWith('!'))) continue;
    const joined: string = (pending ?? '') + line;
    const backslashes = /\\*$/.exec(joined)![0].length;
    if (backslashes % 2 === 1) {
      pending = joined.slice(0, -1);
      continue;
    }
    pending = null;
    yield joined;
  }
  if (pending !== null && pending !== '') yield pending;
}

function splitKey(line: string): { readonly key: string; readonly rest: string } {
  let at = 0;
  while (at < line.length && !'=: \t\f'.includes(line[at]!)) at += line[at] === '\\' ? 2 : 1;
  const key = line.slice(0, at);
  const separator = /^[ \t\f]*[=:]?[ \t\f]*/.exec(line.slice(at))![0];
  return { key, rest: line.slice(at + separator.length) };
}

const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

function unescaped(text: string): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|.)/g, (_, escaped: string) => {
    if (escaped.length === 5) return String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
    return ESCAPES[escaped] ?? escaped;
  });
}
