import { ErrorCode } from '../../protocol/errors.ts';
import type { Link } from '../../rpc/link.ts';
import { brokerError } from '../client-error.ts';
import type { BrokerAddress, Connections } from '../connections.ts';
import { findGroupCoordinator } from '../find-coordinator.ts';

/** A connection of its own: a fetch's long poll must not hold up heartbeats. */
const CHANNEL = 'coordinator';
/** For what must not wait behind a JoinGroup: nothing on its connection is answered before it. */
const ASIDE_CHANNEL = 'goodbye';

/**
 * Where the group's coordinator is: found when it is first needed, and again after somebody called `forget`. One attempt; waiting belongs to the caller.
 */
export class CoordinatorLink {
  readonly groupId: string;
  private readonly connections: Connections;
  private current: Link | null = null;
  private broker: BrokerAddress | null = null;

  constructor(connections: Connections, groupId: string) {
    this.connections = connections;
    this.groupId = groupId;
  }

  /** Rejects with ClientError or RpcError. */
  async get(): Promise<Link> {
    if (this.current !== null) return this.current;
    const { errorCode, broker, detail } = await findGroupCoordinator(this.connections, this.groupId);
    if (errorCode !== ErrorCode.NONE) {
      throw brokerError(errorCode, `coordinator of group ${JSON.stringify(this.groupId)}`, 'failed', detail);
    }
    this.broker = broker;
    this.current = this.connections.linkTo(broker, CHANNEL);
    return this.current;
  }

  /** The link, if it is known; with `aside` one past a JoinGroup that is not answered. */
  known(aside: boolean): Link | null {
    if (this.current === null || this.broker === null) return null;
    return aside ? this.connections.linkTo(this.broker, ASIDE_CHANNEL) : this.current;
  }

  forget(): void {
    this.current = null;
  }
}
