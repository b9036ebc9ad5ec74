// Over AMQP 0-9-1, not over the protocol that streams have of their own: the one kept client for that on Node needs RabbitMQ 3.11, and Debian 12 has 3.10.
import { amqpDriver } from './amqp-driver.ts';

export default amqpDriver({ 'x-queue-type': 'stream' }, { 'x-stream-offset': 'first' });
