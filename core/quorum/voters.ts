import type { Address } from '../ports/network.ts';

/** A member of the quorum, from controller.quorum.voters. */
export interface Voter {
  readonly nodeId: number;
  /** null: a sole voter without a socket. */
  readonly address: Address | null;
}

/** The voters, fixed for the life of the node (kraft.version 0). */
export class VoterSet {
  readonly ids: readonly number[];
  /** How many make a majority. */
  readonly majority: number;
  private readonly byId: ReadonlyMap<number, Voter>;

  constructor(voters: readonly Voter[]) {
    if (voters.length === 0) throw new Error('a quorum without voters');
    this.ids = voters.map(({ nodeId }) => nodeId).sort((a, b) => a - b);
    this.byId = new Map(voters.map((voter) => [voter.nodeId, voter]));
    if (this.byId.size !== voters.length) throw new Error(`voters with the same id: ${this.ids.join(', ')}`);
    this.majority = Math.floor(voters.length / 2) + 1;
  }

  has(nodeId: number): boolean {
    return this.byId.has(nodeId);
  }

  addressOf(nodeId: number): Address | null {
    return this.byId.get(nodeId)?.address ?? null;
  }

  othersThan(nodeId: number): number[] {
    return this.ids.filter((id) => id !== nodeId);
  }
}
