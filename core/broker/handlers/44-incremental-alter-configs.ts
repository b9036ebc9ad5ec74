import { IncrementalAlterConfigs } from '../../protocol/messages/44-incremental-alter-configs.ts';
import { handlerOf } from '../handler.ts';

/** IncrementalAlterConfigs 0–1: SET, DELETE, APPEND, SUBTRACT of single settings (KIP-339). */
export const incrementalAlterConfigsHandler = handlerOf(IncrementalAlterConfigs, async (broker, request) => {
  const resources = request.resources.map(({ resourceType, resourceName, configs }) => ({
    resourceType,
    resourceName,
    changes: configs.map(({ name, configOperation, value }) => ({ name, operation: configOperation, value })),
  }));
  const { validateOnly } = request;
  const responses = await broker.controller.alterConfigs(resources, 'incremental', { validateOnly });
  return { responses };
});
