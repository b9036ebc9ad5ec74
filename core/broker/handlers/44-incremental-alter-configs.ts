import type { AlteredResource } from '../../controller/config-decisions.ts';
import { ErrorCode, errorOf } from '../../protocol/errors.ts';
import { IncrementalAlterConfigs } from '../../protocol/messages/44-incremental-alter-configs.ts';
import type { RequestOf } from '../../protocol/schema.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import { handlerOf, nodeHandlerOf } from '../handler.ts';
import { alterLoggers, BROKER_LOGGER_RESOURCE } from '../logger-decisions.ts';
import type { NodeServices } from '../services.ts';

/** IncrementalAlterConfigs 0–1: SET, DELETE, APPEND, SUBTRACT of single settings (KIP-339). Loggers are this broker's own affair; the rest is the controller's. */
type Request = RequestOf<typeof IncrementalAlterConfigs>;
type Resource = Request['resources'][number];

export const incrementalAlterConfigsHandler = handlerOf(IncrementalAlterConfigs, async (broker, request) => {
  const isLogger = ({ resourceType }: Resource) => resourceType === BROKER_LOGGER_RESOURCE;
  const others = request.resources.filter((each) => !isLogger(each));
  const altered = others.length === 0 ? [] : [...(await alterElsewhere(broker, { ...request, resources: others }))];
  const responses = request.resources.map(
    (each): AlteredResource => (isLogger(each) ? alterLoggers(broker.nodeId, changeOf(each)) : altered.shift()!),
  );
  return { responses };
});

/** As the controller answers it: a logger that is named here belongs to no broker. */
export const controllerIncrementalAlterConfigsHandler = nodeHandlerOf(
  IncrementalAlterConfigs,
  async (node, request) => {
    const { validateOnly } = request;
    return {
      responses: await node.controller.alterConfigs(request.resources.map(changeOf), 'incremental', { validateOnly }),
    };
  },
);

async function alterElsewhere(node: NodeServices, request: Request): Promise<readonly AlteredResource[]> {
  const { resources, validateOnly } = request;
  if (node.gateway.isActiveHere) {
    return node.controller.alterConfigs(resources.map(changeOf), 'incremental', { validateOnly });
  }
  try {
    return (await node.gateway.askUntil(IncrementalAlterConfigs, request)).responses;
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    const { message } = errorOf(ErrorCode.NOT_CONTROLLER);
    return resources.map(({ resourceType, resourceName }) => ({
      errorCode: ErrorCode.NOT_CONTROLLER,
      errorMessage: message,
      resourceType,
      resourceName,
    }));
  }
}

function changeOf({ resourceType, resourceName, configs }: Resource) {
  return {
    resourceType,
    resourceName,
    changes: configs.map(({ name, configOperation, value }) => ({ name, operation: configOperation, value })),
  };
}
