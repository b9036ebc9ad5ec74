import { isSound, type Judgement } from './judge.ts';
import type { Kill } from './kill.ts';

/** What became of one campaign, as data. */
export interface Campaign extends Judgement {
  readonly load: string;
  readonly partitions: number;
  readonly sessionMs: number;
  readonly failed: number;
  readonly kills: readonly Kill[];
  /** What is wrong with the data folders. */
  readonly folders: readonly string[];
}

export function isCampaignSound(campaign: Campaign): boolean {
  return isSound(campaign) && campaign.folders.length === 0;
}
