import { message, string, uuid } from '../../protocol/schema.ts';

/** A topic and its id. Its partitions follow as records of their own. */
export const TopicRecord = message(
  'TopicRecord',
  { versions: '0', flexible: '0+' },
  {
    name: string(),
    topicId: uuid(),
  },
);
