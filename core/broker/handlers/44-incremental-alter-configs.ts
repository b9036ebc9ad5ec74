import type { AlteredResource } from '../../controller/config-decisions.ts';
import { IncrementalAlterConfigs } from '../../protocol/messages/44-incremental-alter-configs.ts';
import { handlerOf } from '../handler.ts';
import { alterLoggers, BROKER_LOGGER_RESOURCE } from '../logger-decisions.ts';

/** IncrementalAlterConfigs 0–1: SET, DELETE, APPEND, SUBTRACT of single settings (KIP-339). Loggers are this broker's own affair; the rest is the controller's. */
export const incrementalAlterConfigsHandler = handlerOf(IncrementalAlterConfigs, async (broker, request) => {
  const { validateOnly } = request;
  const resources = request.resources.map(({ resourceType, resourceName, configs }) => ({
    resourceType,
    resourceName,
    changes: configs.map(({ name, configOperation, value }) => ({ name, operation: configOperation, value })),
  }));
  const isLogger = ({ resourceType }: { readonly resourceType: number }) => resourceType === BROKER_LOGGER_RESOURCE;
  const others = resources.filter((each) => !isLogger(each));
  const altered = [...(await broker.controller.alterConfigs(others, 'incremental', { validateOnly }))];
  const responses = resources.map(
    (each): AlteredResource => (isLogger(each) ? alterLoggers(broker.nodeId, each) : altered.shift()!),
  );
  return { responses };
});
