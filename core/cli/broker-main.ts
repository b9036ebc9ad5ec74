import { brokerCommand } from './commands/broker.ts';
import { runProgram } from './program.ts';

/** `mqlab broker` without the other commands: what the start image is made of (`start-image.ts`). */
await runProgram([brokerCommand()]);
