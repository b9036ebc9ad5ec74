/**
 * A target: where a scenario runs. The same scenario code runs in the simulator, against real processes on this machine, and against a
 * cluster that the user already has.
 *
 * Invariant: application code under test lives in an application process (`AppProcess`) and reaches time, network and files only through it,
 * so a crash takes all of it at once: its connections end, its timers never fire, its pending promises never settle. What the target
 * cannot do is said by `can` beforehand, never ignored silently.
 */
import type { Clock } from '@mqlab/core/ports/clock.ts';
import type { Ports } from '@mqlab/core/ports/ports.ts';
import type { ClientDriver, ClientName } from '../drivers/driver.ts';

export type TargetKind = 'sim' | 'local' | 'external';
export const TARGET_KINDS: readonly TargetKind[] = ['sim', 'local', 'external'];

export type Ability =
  | 'kill-broker'
  | 'pause-broker'
  | 'power-cut'
  | 'cut-link'
  | 'drop-response'
  | 'crash-app'
  | 'pause-app';

export interface TargetSettings {
  readonly seed: number;
  /** Kafka's property names; the broker's defaults otherwise. */
  readonly broker?: Readonly<Record<string, string>>;
  /** No broker is started: the scenario is about the application alone. */
  readonly withoutBroker?: boolean;
  /** external: `HOST:PORT`. */
  readonly bootstrap?: string;
}

export interface AppProcess {
  readonly name: string;
  /** `HOST:PORT`, as this process reaches the broker: over the link that faults cut. */
  readonly bootstrap: string;
  readonly ports: Ports;
  client(name: ClientName): ClientDriver;
  /** Runs application code in this process; it ends with the process. What it throws is a bug of the lab and ends the run. */
  spawn(body: (ports: Ports) => void | Promise<void>): void;
  /** False once crashed: code that finds it false must stop. In the simulator it never gets to ask. */
  readonly alive: boolean;
}

export interface Target {
  readonly kind: TargetKind;
  /** `HOST:PORT` for clients. */
  readonly bootstrap: string;
  /** `mqlab 0.1.0`, `Apache Kafka 4.1.0` or `unknown`. */
  readonly version: string;
  /** Virtual in the simulator. The lab's own waiting goes by it. */
  readonly clock: Clock;
  can(ability: Ability): boolean;
  /** Runs the scenario's body; in the simulator this is what makes time pass. Rejects when `virtualMsMax` passes first. */
  run<T>(body: () => Promise<T>, virtualMsMax?: number): Promise<T>;
  /** A new application process. A name may be used again after a crash: a restarted process. */
  app(name: string): AppProcess;
  crashApp(name: string): void;
  /** Stops its timers and deliveries until `resumeApp`: a long collection, a stopped virtual machine. */
  pauseApp(name: string): void;
  resumeApp(name: string): void;
  /** SIGKILL: what was written stays, what was in memory is gone. */
  killBroker(): Promise<void>;
  /** Everything not flushed is gone too. */
  powerCutBroker(): Promise<void>;
  /** Resolves when clients can connect; at once when it runs. */
  startBroker(): Promise<void>;
  pauseBroker(): void;
  resumeBroker(): void;
  /** Bytes between the application and the broker stop, in both directions or one, without either being told. */
  cutLink(app: string, direction?: 'both' | 'to-broker' | 'to-app'): void;
  healLink(app: string): void;
  /** The next answer of the broker to this application is lost, with its connection. */
  dropNextResponse(app: string): void;
  /** The connections of this application to the broker break; what is on its way is lost. New ones are taken. */
  breakLink(app: string): void;
  /** All links whole, broker running, nothing paused. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

export class UnsupportedByTarget extends Error {
  constructor(kind: TargetKind, ability: Ability) {
    super(`target ${kind} cannot ${ability}`);
    this.name = 'UnsupportedByTarget';
  }
}
