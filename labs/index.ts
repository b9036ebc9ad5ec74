/** What the command line needs of the labs. Everything else is imported by its file. */
export { InputError, type InputOptions } from './kit/input.ts';
export type { Lab, Profile, Scenario } from './kit/lab.ts';
export { type LabProgress, type LabRun, type RunLabOptions, SEED_DEFAULT } from './kit/lab-runner.ts';
export { labNames, loadLab, UnknownLabError } from './kit/registry.ts';
export { ReplayTokenError } from './kit/replay-token.ts';
export { runLab, runLabs } from './kit/run-lab.ts';
export { type ReplayedRun, type ReplayOptions, runReplay } from './kit/run-replay.ts';
export { EXIT_USAGE, exitCodeOf, type VerdictLine, verdictLine } from './kit/verdict.ts';
