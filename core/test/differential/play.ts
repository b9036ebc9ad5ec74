// Plays flows on two brokers at the same time, step by step, and hands over each pair of answers.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Json, Outcome, WireProbe } from '../foreign/wire-probe.ts';
import { type Flow, PASSING_ERRORS, type RawStep, type Step, type Vars } from './flow.ts';

const passingMsMax = 20_000;
/** Kafka leaves some requests unanswered: known.ts names them. */
const answerMsMax = 10_000;

export interface Pair {
  readonly flow: string;
  readonly api: string;
  readonly version: number;
  readonly what: string;
  /** False for steps that only prepare. */
  readonly isCompared: boolean;
  readonly ours: Outcome;
  readonly kafka: Outcome;
}

interface Side {
  readonly address: string;
  readonly vars: Vars;
}

export async function play(
  probe: WireProbe,
  flow: Flow,
  version: number,
  addresses: { readonly ours: string; readonly kafka: string },
  onPair: (pair: Pair) => void,
): Promise<void> {
  const stem = `${flow.name.replaceAll(/[^a-z0-9]+/gi, '-')}-v${version}`;
  const sides: readonly Side[] = [addresses.ours, addresses.kafka].map((address) => ({ address, vars: {} }));
  for (const steps of flow.steps(version, (name) => `${stem}-${name}`)) {
    const list: readonly (Step | RawStep)[] = Array.isArray(steps) ? steps : [steps as Step | RawStep];
    const outcomes = await Promise.all(
      sides.map((side) => Promise.all(list.map((step) => ask(probe, side, step, flow.name, version)))),
    );
    for (const [i, step] of list.entries()) {
      const [ours, kafka] = [outcomes[0]![i]!, outcomes[1]![i]!];
      const isCompared = !('isSetup' in step && step.isSetup && ours.kind === 'answer' && kafka.kind === 'answer');
      const of = 'frame' in step ? { api: 'frame', version: 0 } : { api: step.api.name, version: step.version };
      onPair({ flow: `${flow.name} v${version}`, ...of, what: step.what ?? '', isCompared, ours, kafka });
    }
  }
}

async function ask(
  probe: WireProbe,
  side: Side,
  step: Step | RawStep,
  flow: string,
  version: number,
): Promise<Outcome> {
  const call = { address: side.address, connection: `${flow} v${version} ${step.connection ?? ''}` };
  if ('frame' in step) return probe.frame(step.frame, call);
  const { api, until, save, retried = PASSING_ERRORS } = step;
  for (const deadline = Date.now() + passingMsMax; ; await sleep(20)) {
    let outcome: Outcome;
    try {
      const body = typeof step.body === 'function' ? step.body(side.vars) : step.body;
      outcome = await probe.ask(api, step.version, body, {
        ...call,
        clientId: step.clientId,
        quietMs: step.quietMs,
        timeoutMs: answerMsMax,
      });
      if (outcome.kind !== 'answer') return outcome;
      const isPassing = codesIn(outcome.answer).some((code) => retried.includes(code));
      if ((isPassing || until?.(outcome.answer, side.vars) === false) && Date.now() < deadline) continue;
      save?.(outcome.answer, side.vars);
    } catch (error) {
      return { kind: 'failed', message: `the script: ${String(error)}` };
    }
    return outcome;
  }
}

/** Every error code in an answer. */
export function codesIn(answer: Json): number[] {
  if (answer === null || typeof answer !== 'object') return [];
  if (Array.isArray(answer)) return answer.flatMap(codesIn);
  return Object.entries(answer as Record<string, Json>).flatMap(([name, value]) =>
    /errorCode$/i.test(name) ? [value as number] : codesIn(value),
  );
}
