import { parseTopicRegex, type RegexNode, RegexProblem } from './topic-regex-parser.ts';

/**
 * Regular expressions over topic names, as members of consumer groups send them: RE2's syntax, matched against the whole name.
 *
 * They come from clients and run in the broker, so time must not explode: the expression becomes a program that all its states run through the name at once
 * (Thompson's construction), which takes name × program steps whatever the expression is. JavaScript's own engine backtracks and would not do.
 */
const INSTRUCTIONS_MAX = 20_000;

type Instruction =
  | { readonly op: 'char'; readonly accepts: (code: number) => boolean }
  | { readonly op: 'assert'; readonly holds: (text: string, at: number) => boolean }
  | { readonly op: 'split'; left: number; right: number }
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'match' };

export interface TopicMatcher {
  matches(name: string): boolean;
}

export type CompiledTopicRegex =
  | { readonly matcher: TopicMatcher; readonly problem: null }
  | { readonly matcher: null; readonly problem: string };

export function compileTopicRegex(text: string): CompiledTopicRegex {
  try {
    const program: Instruction[] = [];
    emit(program, parseTopicRegex(text));
    push(program, { op: 'match' });
    return { matcher: { matches: (name) => run(program, name) }, problem: null };
  } catch (error) {
    if (error instanceof RegexProblem) return { matcher: null, problem: error.message };
    throw error;
  }
}

function push<I extends Instruction>(program: Instruction[], instruction: I): I {
  if (program.length >= INSTRUCTIONS_MAX) throw new RegexProblem('expression too large');
  program.push(instruction);
  return instruction;
}

function emit(program: Instruction[], node: RegexNode): void {
  switch (node.kind) {
    case 'empty':
      return;
    case 'char':
      push(program, { op: 'char', accepts: node.accepts });
      return;
    case 'assert':
      push(program, { op: 'assert', holds: node.holds });
      return;
    case 'sequence':
      for (const part of node.parts) emit(program, part);
      return;
    case 'either': {
      const ends: { to: number }[] = [];
      for (const part of node.parts.slice(0, -1)) {
        const split = push(program, { op: 'split', left: program.length + 1, right: 0 });
        emit(program, part);
        ends.push(push(program, { op: 'jump', to: 0 }));
        split.right = program.length;
      }
      emit(program, node.parts.at(-1)!);
      for (const end of ends) end.to = program.length;
      return;
    }
    case 'repeat': {
      for (let i = 0; i < node.min; i++) emit(program, node.part);
      if (node.max === Number.POSITIVE_INFINITY) {
        const start = program.length;
        const split = push(program, { op: 'split', left: start + 1, right: 0 });
        emit(program, node.part);
        push(program, { op: 'jump', to: start });
        split.right = program.length;
        return;
      }
      const splits: { right: number }[] = [];
      for (let i = node.min; i < node.max; i++) {
        splits.push(push(program, { op: 'split', left: program.length + 1, right: 0 }));
        emit(program, node.part);
      }
      for (const split of splits) split.right = program.length;
      return;
    }
  }
}

function run(program: readonly Instruction[], text: string): boolean {
  const seen = new Int32Array(program.length).fill(-1);
  let states: number[] = [];
  const stack: number[] = [];
  /** The states that are reached from one without a character. */
  const enter = (first: number, at: number, into: number[]): void => {
    stack.push(first);
    while (stack.length > 0) {
      const state = stack.pop()!;
      if (seen[state] === at) continue;
      seen[state] = at;
      const instruction = program[state]!;
      switch (instruction.op) {
        case 'jump':
          stack.push(instruction.to);
          break;
        case 'split':
          stack.push(instruction.right, instruction.left);
          break;
        case 'assert':
          if (instruction.holds(text, at)) stack.push(state + 1);
          break;
        default:
          into.push(state);
      }
    }
  };
  enter(0, 0, states);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const next: number[] = [];
    for (const state of states) {
      const instruction = program[state]!;
      if (instruction.op === 'char' && instruction.accepts(code)) enter(state + 1, at + 1, next);
    }
    if (next.length === 0) return false;
    states = next;
  }
  return states.some((state) => program[state]!.op === 'match');
}
