import { int8, message, string } from '../../protocol/schema.ts';

/** One setting of a resource; null takes it back. */
export const ConfigRecord = message(
  'ConfigRecord',
  { versions: '0', flexible: '0+' },
  {
    resourceType: int8(),
    resourceName: string(),
    name: string(),
    value: string('0+', { nullable: '0+' }),
  },
);
