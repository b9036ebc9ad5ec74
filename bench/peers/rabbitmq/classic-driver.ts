import { amqpDriver } from './amqp-driver.ts';

export default amqpDriver({ 'x-queue-type': 'classic' });
