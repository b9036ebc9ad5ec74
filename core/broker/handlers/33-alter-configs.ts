import { CONFIG_OPERATION } from '../../controller/config-decisions.ts';
import { AlterConfigs } from '../../protocol/messages/33-alter-configs.ts';
import { nodeHandlerOf } from '../handler.ts';

/** AlterConfigs 0–2: the settings named replace all of the resource's. */
export const alterConfigsHandler = nodeHandlerOf(AlterConfigs, async (node, request) => {
  const resources = request.resources.map(({ resourceType, resourceName, configs }) => ({
    resourceType,
    resourceName,
    changes: configs.map(({ name, value }) => ({ name, value, operation: CONFIG_OPERATION.SET })),
  }));
  const responses = await node.controller.alterConfigs(resources, 'replace', { validateOnly: request.validateOnly });
  return { responses };
});
