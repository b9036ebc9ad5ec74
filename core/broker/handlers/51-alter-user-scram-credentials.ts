import { AlterUserScramCredentials } from '../../protocol/messages/51-alter-user-scram-credentials.ts';
import { nodeHandlerOf } from '../handler.ts';

/** AlterUserScramCredentials 0: sets and removes users' credentials. The decision is the controller's. */
export const alterUserScramCredentialsHandler = nodeHandlerOf(AlterUserScramCredentials, async (node, request) => {
  const upsertions = request.upsertions.map((each) => ({
    ...each,
    salt: Buffer.from(each.salt),
    saltedPassword: Buffer.from(each.saltedPassword),
  }));
  return { results: await node.controller.alterScramCredentials(request.deletions, upsertions) };
});
