import { CreatePartitions } from '../../protocol/messages/37-create-partitions.ts';
import { handlerOf } from '../handler.ts';

/** CreatePartitions 0–3: raises partition counts. The decision is the controller's. */
export const createPartitionsHandler = handlerOf(CreatePartitions, async (broker, request, call) => {
  const { topics, validateOnly } = request;
  const mutations = broker.quotas.mutations.open(call.throttle.holder, call.apiVersion >= 3);
  const results = await broker.controller.createPartitions(topics, { validateOnly, mutations: mutations.gate });
  call.throttle.atLeast(mutations.throttleMs());
  return { results };
});
