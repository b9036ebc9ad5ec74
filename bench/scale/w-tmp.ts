import { makeTopics, topicNames, writeToEach } from './many-partitions.ts';

const [b, n, mk] = process.argv.slice(2);
const t = performance.now();
if (mk) await makeTopics(b!, Number(n));
console.log('made', performance.now() - t);
await writeToEach(b!, topicNames(Number(n)));
console.log('written', performance.now() - t);
