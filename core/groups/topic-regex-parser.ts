/**
 * The syntax of `topic-regex.ts`: RE2's, so without what needs backtracking (look-around, back references). Topic names are ASCII; of the Unicode classes those are known
 * that say something there. Whether a repetition is greedy makes no difference to a match of the whole name.
 */
export type RegexNode =
  | { readonly kind: 'empty' }
  | { readonly kind: 'char'; readonly accepts: (code: number) => boolean }
  | { readonly kind: 'assert'; readonly holds: (text: string, at: number) => boolean }
  | { readonly kind: 'sequence'; readonly parts: readonly RegexNode[] }
  | { readonly kind: 'either'; readonly parts: readonly RegexNode[] }
  | { readonly kind: 'repeat'; readonly part: RegexNode; readonly min: number; readonly max: number };

export class RegexProblem extends Error {}

const CHARS_MAX = 10_000;
const DEPTH_MAX = 200;
const REPEAT_MAX = 1000;

type Accepts = (code: number) => boolean;
interface Flags {
  readonly ignoresCase: boolean;
  readonly isMultiline: boolean;
  readonly dotIsAll: boolean;
}

const among =
  (chars: string): Accepts =>
  (code) =>
    chars.includes(String.fromCharCode(code));
const between =
  (from: number, to: number): Accepts =>
  (code) =>
    code >= from && code <= to;
const any =
  (...all: Accepts[]): Accepts =>
  (code) =>
    all.some((accepts) => accepts(code));
const not =
  (accepts: Accepts): Accepts =>
  (code) =>
    !accepts(code);

const DIGIT = between(48, 57);
const UPPER = between(65, 90);
const LOWER = between(97, 122);
const ALPHA = any(UPPER, LOWER);
const WORD = any(ALPHA, DIGIT, among('_'));
const SPACE = among('\t\n\f\r ');
const PUNCT = any(between(33, 47), between(58, 64), between(91, 96), between(123, 126));
const SYMBOL = among('$+<=>^`|~');

const PERL: Readonly<Record<string, Accepts>> = { d: DIGIT, w: WORD, s: SPACE };
const POSIX: Readonly<Record<string, Accepts>> = {
  alnum: any(ALPHA, DIGIT),
  alpha: ALPHA,
  ascii: between(0, 127),
  blank: among('\t '),
  cntrl: any(between(0, 31), between(127, 127)),
  digit: DIGIT,
  graph: between(33, 126),
  lower: LOWER,
  print: between(32, 126),
  punct: PUNCT,
  space: any(SPACE, among('\v')),
  upper: UPPER,
  word: WORD,
  xdigit: any(DIGIT, between(65, 70), between(97, 102)),
};
const UNICODE: Readonly<Record<string, Accepts>> = {
  L: ALPHA,
  Lu: UPPER,
  Ll: LOWER,
  Latin: ALPHA,
  N: DIGIT,
  Nd: DIGIT,
  P: (code) => PUNCT(code) && !SYMBOL(code),
  Pd: among('-'),
  Pc: among('_'),
  S: SYMBOL,
  Z: among(' '),
  Zs: among(' '),
};
const CONTROL: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };

const isWordAt = (text: string, at: number): boolean => at >= 0 && at < text.length && WORD(text.charCodeAt(at));
const isBoundary = (text: string, at: number): boolean => isWordAt(text, at - 1) !== isWordAt(text, at);

/** Throws RegexProblem. */
export function parseTopicRegex(text: string): RegexNode {
  if (text.length > CHARS_MAX) throw new RegexProblem('expression too large');
  const parser = new Parser(text);
  const node = parser.either({ ignoresCase: false, isMultiline: false, dotIsAll: false }, 0);
  if (!parser.isAtEnd) throw new RegexProblem('unexpected )');
  return node;
}

class Parser {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  get isAtEnd(): boolean {
    return this.at >= this.text.length;
  }

  private get here(): string {
    return this.text[this.at] ?? '';
  }

  private eat(text: string): boolean {
    if (!this.text.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  private match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found !== null) this.at += found[0].length;
    return found;
  }

  either(given: Flags, depth: number): RegexNode {
    if (depth > DEPTH_MAX) throw new RegexProblem('expression nests too deeply');
    let flags = given;
    const parts: RegexNode[] = [];
    let sequence: RegexNode[] = [];
    let isRepeated = false;
    while (!this.isAtEnd && this.here !== ')') {
      if (this.eat('|')) {
        parts.push({ kind: 'sequence', parts: sequence });
        sequence = [];
        isRepeated = false;
        continue;
      }
      const bounds = this.repetition();
      if (bounds !== null) {
        const part = sequence.pop();
        if (part === undefined) throw new RegexProblem('missing argument to repetition operator');
        if (isRepeated) throw new RegexProblem('invalid nested repetition operator');
        isRepeated = true;
        sequence.push({ kind: 'repeat', part, ...bounds });
        continue;
      }
      isRepeated = false;
      const changed = this.match(/\(\?([imsU]*)(?:-([imsU]+))?\)/y);
      if (changed !== null) flags = withFlags(flags, changed[1]!, changed[2] ?? '');
      else sequence.push(this.atom(flags, depth));
    }
    parts.push({ kind: 'sequence', parts: sequence });
    return parts.length === 1 ? parts[0]! : { kind: 'either', parts };
  }

  private repetition(): { min: number; max: number } | null {
    const found = this.match(/(?:([*+?])|\{(\d{1,9})(?:(,)(\d{1,9})?)?\})\??/y);
    if (found === null) return null;
    const [, sign, from, comma, to] = found;
    if (sign !== undefined) return { min: sign === '+' ? 1 : 0, max: sign === '?' ? 1 : Number.POSITIVE_INFINITY };
    const min = Number(from);
    const max = comma === undefined ? min : to === undefined ? Number.POSITIVE_INFINITY : Number(to);
    const largest = max === Number.POSITIVE_INFINITY ? min : max;
    if (largest > REPEAT_MAX || min > max) throw new RegexProblem(`invalid repeat count ${found[0]}`);
    return { min, max };
  }

  private atom(flags: Flags, depth: number): RegexNode {
    if (this.eat('(')) {
      const start = this.match(/\?(?:P?<[A-Za-z_]\w*>|([imsU]*)(?:-([imsU]+))?:)/y);
      if (start === null && this.here === '?') throw new RegexProblem('invalid or unsupported group syntax');
      const inner = start?.[1] === undefined ? flags : withFlags(flags, start[1], start[2] ?? '');
      const node = this.either(inner, depth + 1);
      if (!this.eat(')')) throw new RegexProblem('missing closing )');
      return node;
    }
    if (this.here === '[') return { kind: 'char', accepts: withCase(this.charClass(), flags) };
    if (this.eat('.')) return { kind: 'char', accepts: flags.dotIsAll ? () => true : not(among('\n')) };
    if (this.eat('^')) {
      return { kind: 'assert', holds: (text, at) => at === 0 || (flags.isMultiline && text[at - 1] === '\n') };
    }
    if (this.eat('$')) {
      return { kind: 'assert', holds: (text, at) => at === text.length || (flags.isMultiline && text[at] === '\n') };
    }
    if (this.eat('\\')) return this.escape(flags);
    const code = this.text.charCodeAt(this.at++);
    return { kind: 'char', accepts: withCase(between(code, code), flags) };
  }

  private escape(flags: Flags): RegexNode {
    if (this.eat('A')) return { kind: 'assert', holds: (_, at) => at === 0 };
    if (this.eat('z')) return { kind: 'assert', holds: (text, at) => at === text.length };
    if (this.eat('b')) return { kind: 'assert', holds: isBoundary };
    if (this.eat('B')) return { kind: 'assert', holds: (text, at) => !isBoundary(text, at) };
    if (this.eat('Q')) {
      const end = this.text.indexOf('\\E', this.at);
      const quoted = this.text.slice(this.at, end === -1 ? undefined : end);
      this.at += quoted.length + (end === -1 ? 0 : 2);
      return {
        kind: 'sequence',
        parts: Array.from(quoted, (char) => ({ kind: 'char', accepts: withCase(among(char), flags) })),
      };
    }
    const code = this.escapedSet() ?? this.escapedCode();
    return { kind: 'char', accepts: withCase(typeof code === 'number' ? between(code, code) : code, flags) };
  }

  /** \d, \pL and their like, after the backslash. */
  private escapedSet(): Accepts | null {
    const perl = this.match(/[dwsDWS]/y);
    if (perl !== null) {
      const accepts = PERL[perl[0].toLowerCase()]!;
      return perl[0] === perl[0].toLowerCase() ? accepts : not(accepts);
    }
    const unicode = this.match(/([pP])(?:([A-Z])|\{(\^?)([A-Za-z_]+)\})/y);
    if (unicode === null) return null;
    const [text, sign, letter, caret, name] = unicode;
    const accepts = UNICODE[letter ?? name!];
    if (accepts === undefined) throw new RegexProblem(`invalid character class range \\${text}`);
    return (sign === 'P') === (caret === '^') ? accepts : not(accepts);
  }

  private escapedCode(): number {
    const hex = this.match(/x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/y);
    if (hex !== null) return Number.parseInt(hex[1] ?? hex[2]!, 16);
    const char = this.here;
    const control = CONTROL[char];
    this.at++;
    if (control !== undefined) return control;
    if (char === '') throw new RegexProblem('trailing backslash at end of expression');
    if (WORD(char.charCodeAt(0))) throw new RegexProblem(`invalid escape sequence \\${char}`);
    return char.charCodeAt(0);
  }

  private charClass(): Accepts {
    this.at++;
    const isNegated = this.eat('^');
    const parts: Accepts[] = [];
    for (let isFirst = true; isFirst || this.here !== ']'; isFirst = false) {
      if (this.isAtEnd) throw new RegexProblem('missing closing ]');
      const posix = this.match(/\[:(\^?)(\w+):\]/y);
      if (posix !== null) {
        const accepts = POSIX[posix[2]!];
        if (accepts === undefined) throw new RegexProblem(`invalid character class range ${posix[0]}`);
        parts.push(posix[1] === '^' ? not(accepts) : accepts);
        continue;
      }
      const from = this.classPart();
      if (typeof from !== 'number') {
        parts.push(from);
        continue;
      }
      if (this.here !== '-' || this.text[this.at + 1] === ']' || this.at + 1 >= this.text.length) {
        parts.push(between(from, from));
        continue;
      }
      this.at++;
      const to = this.classPart();
      if (typeof to !== 'number' || to < from) throw new RegexProblem('invalid character class range');
      parts.push(between(from, to));
    }
    this.at++;
    return isNegated ? not(any(...parts)) : any(...parts);
  }

  private classPart(): number | Accepts {
    if (this.eat('\\')) return this.escapedSet() ?? this.escapedCode();
    return this.text.charCodeAt(this.at++);
  }
}

function withFlags(flags: Flags, on: string, off: string): Flags {
  const flag = (letter: string, before: boolean): boolean => (before || on.includes(letter)) && !off.includes(letter);
  return {
    ignoresCase: flag('i', flags.ignoresCase),
    isMultiline: flag('m', flags.isMultiline),
    dotIsAll: flag('s', flags.dotIsAll),
  };
}

function withCase(accepts: Accepts, { ignoresCase }: Flags): Accepts {
  if (!ignoresCase) return accepts;
  return (code) => accepts(code) || (ALPHA(code) && accepts(code ^ 32));
}
