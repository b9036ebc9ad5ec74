import type { Target, TargetSettings } from './target.ts';
export async function openSimTarget(_settings: TargetSettings): Promise<Target> {
  throw new Error('target sim is not there yet');
}
