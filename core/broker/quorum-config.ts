import type { Address } from '../ports/network.ts';
import type { BrokerConfig } from './config.ts';
import { type EndPoint, parseEndPoint } from './listeners.ts';

/**
 * Roles and voters: `process.roles`, `controller.quorum.voters` and the listeners of controllers (KIP-500, KIP-595).
 *
 * A node with both roles that names no voters is a quorum of its own, which needs no socket: `mqlab broker` starts without a file.
 */
export interface VoterAddress extends Address {
  readonly nodeId: number;
}

const FORM = /^(\d+)@(?:\[([^\]]+)\]|([^:[\]]+)):(\d+)$/;
const PORT_MAX = 65535;
const VOTERS = 'controller.quorum.voters';

/** null = not of the form ID@HOST:PORT. */
export function parseVoter(text: string): VoterAddress | null {
  const match = FORM.exec(text.trim());
  if (match === null || Number(match[4]) > PORT_MAX) return null;
  return { nodeId: Number(match[1]), host: match[2] ?? match[3]!, port: Number(match[4]) };
}

export function votersOf(config: BrokerConfig): readonly VoterAddress[] {
  return config.list(VOTERS).flatMap((text) => parseVoter(text) ?? []);
}

/** Where the controller of this node listens: those of `listeners` that `controller.listener.names` names. */
export function controllerEndPointsOf(config: BrokerConfig): readonly EndPoint[] {
  const names = controllerNamesOf(config);
  return config.list('listeners').flatMap((text) => {
    const endPoint = parseEndPoint(text);
    return endPoint !== null && names.has(endPoint.name) ? [endPoint] : [];
  });
}

export function controllerNamesOf(config: BrokerConfig): ReadonlySet<string> {
  return new Set(config.list('controller.listener.names').map((name) => name.toUpperCase()));
}

/** The rules between roles, voters and listeners, as Kafka has them. */
export function checkQuorum(config: BrokerConfig, errors: string[]): void {
  const text = config.text(VOTERS) ?? '';
  const named = config.list(VOTERS);
  for (const each of named) {
    if (parseVoter(each) === null) {
      errors.push(`Invalid value ${each} for configuration ${VOTERS}: ID@HOST:PORT is expected`);
    }
  }
  const voters = votersOf(config);
  const ids = voters.map((each) => each.nodeId);
  if (new Set(ids).size < ids.length) {
    errors.push(`Invalid value ${text} for configuration ${VOTERS}: a node id is named twice`);
  }
  const { isBroker, isController, nodeId } = config;
  const roles = config.text('process.roles');
  if (!isBroker && !isController) {
    errors.push(`Invalid value ${roles} for configuration process.roles: it must name broker, controller or both`);
  }
  if (voters.length === 0) {
    if (isBroker && isController) return;
    errors.push(
      `Invalid value '${text}' for configuration ${VOTERS}: with process.roles=${roles} it must name the voters`,
    );
    return;
  }
  if (isController && !ids.includes(nodeId)) {
    errors.push(
      `Invalid value ${text} for configuration ${VOTERS}: this node, ${nodeId}, is a controller and must be in it`,
    );
  }
  if (!isController && ids.includes(nodeId)) {
    errors.push(
      `Invalid value ${text} for configuration ${VOTERS}: this node, ${nodeId}, is no controller and must not be in it`,
    );
  }
  const own = controllerEndPointsOf(config);
  if (isController && own.length === 0) {
    const names = config.text('controller.listener.names');
    errors.push(
      `Invalid value ${config.text('listeners')} for configuration listeners: a controller needs one of ${names}`,
    );
  }
  if (!isController && own.length > 0) {
    errors.push(
      `Invalid value ${config.text('listeners')} for configuration listeners: ${own[0]!.name} is a controller's, and process.roles=${roles}`,
    );
  }
}
