import { SpreadLoad } from './spread-load.ts';
import { makeTopics, topicNames } from './many-partitions.ts';
const [b, pid, mk, ...sets] = process.argv.slice(2);
if (Number(mk) > 0) { const t = performance.now(); await makeTopics(b!, Number(mk)); console.log('made', performance.now() - t); }
const load = new SpreadLoad();
for (const n of sets) console.log(n, JSON.stringify(await load.run({ bootstrap: b!, pid: Number(pid) }, topicNames(Number(n)), { warmupMs: 1000, measureMs: 3000 })));
await load.close();
process.exit(0);
