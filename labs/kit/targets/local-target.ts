import type { Target, TargetSettings } from './target.ts';
export async function openLocalTarget(_settings: TargetSettings): Promise<Target> {
  throw new Error('target local is not there yet');
}
