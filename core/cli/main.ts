import { benchCommand } from './commands/bench.ts';
import { brokerCommand } from './commands/broker.ts';
import { capacityCommand } from './commands/capacity.ts';
import { clusterCommand } from './commands/cluster.ts';
import { configsCommand } from './commands/configs.ts';
import { consumeCommand } from './commands/consume.ts';
import { dumpLogCommand } from './commands/dump-log.ts';
import { groupsCommand } from './commands/groups.ts';
import { labCommand } from './commands/lab.ts';
import { perfCommand } from './commands/perf.ts';
import { produceCommand } from './commands/produce.ts';
import { reportCommand } from './commands/report.ts';
import { topicsCommand } from './commands/topics.ts';
import { transactionsCommand } from './commands/transactions.ts';
import { runProgram } from './program.ts';

/** The whole command line; each command is a file in `commands/`. A broker alone starts by `broker-main.ts`. */
await runProgram([
  brokerCommand(),
  clusterCommand(),
  topicsCommand(),
  configsCommand(),
  produceCommand(),
  consumeCommand(),
  groupsCommand(),
  transactionsCommand(),
  dumpLogCommand(),
  perfCommand(),
  labCommand(),
  reportCommand(),
  benchCommand(),
  capacityCommand(),
]);
