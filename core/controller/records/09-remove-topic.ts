import { message, uuid } from '../../protocol/schema.ts';

/** A topic and all its partitions are gone. */
export const RemoveTopicRecord = message(
  'RemoveTopicRecord',
  { versions: '0', flexible: '0+' },
  {
    topicId: uuid(),
  },
);
