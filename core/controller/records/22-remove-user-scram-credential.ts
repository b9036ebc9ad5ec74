import { int8, message, string } from '../../protocol/schema.ts';

/** Takes a user's credential for one mechanism back. */
export const RemoveUserScramCredentialRecord = message(
  'RemoveUserScramCredentialRecord',
  { versions: '0', flexible: '0+' },
  {
    name: string(),
    mechanism: int8(),
  },
);
