import { AlterClientQuotas } from '../../protocol/messages/49-alter-client-quotas.ts';
import { nodeHandlerOf } from '../handler.ts';

/** AlterClientQuotas 0–1: sets and removes quotas of entities. The decision is the controller's; they hold from the answer on. */
export const alterClientQuotasHandler = nodeHandlerOf(AlterClientQuotas, async (node, request) => {
  const entries = await node.controller.alterClientQuotas(request.entries, { validateOnly: request.validateOnly });
  return { entries };
});
