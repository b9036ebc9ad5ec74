import { AlterClientQuotas } from '../../protocol/messages/49-alter-client-quotas.ts';
import { handlerOf } from '../handler.ts';

/** AlterClientQuotas 0–1: sets and removes quotas of entities. The decision is the controller's; they hold from the answer on. */
export const alterClientQuotasHandler = handlerOf(AlterClientQuotas, async (broker, request) => {
  const entries = await broker.controller.alterClientQuotas(request.entries, { validateOnly: request.validateOnly });
  return { entries };
});
