import { CreatePartitions } from '../../protocol/messages/37-create-partitions.ts';
import { nodeHandlerOf } from '../handler.ts';

/** CreatePartitions 0–3: raises partition counts. The decision is the controller's. */
export const createPartitionsHandler = nodeHandlerOf(CreatePartitions, async (node, request, call) => {
  const { topics, validateOnly } = request;
  const mutations = node.quotas.mutations.open(call.throttle.holder, call.apiVersion >= 3);
  const results = await node.controller.createPartitions(topics, { validateOnly, mutations: mutations.gate });
  call.throttle.atLeast(mutations.throttleMs());
  return { results };
});
