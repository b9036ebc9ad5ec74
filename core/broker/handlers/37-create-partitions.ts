import { CreatePartitions } from '../../protocol/messages/37-create-partitions.ts';
import { handlerOf } from '../handler.ts';

/** CreatePartitions 0–3: raises partition counts. The decision is the controller's. */
export const createPartitionsHandler = handlerOf(CreatePartitions, async (broker, request) => {
  const results = await broker.controller.createPartitions(request.topics, { validateOnly: request.validateOnly });
  return { results };
});
