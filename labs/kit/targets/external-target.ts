import type { Target, TargetSettings } from './target.ts';
export async function openExternalTarget(_settings: TargetSettings): Promise<Target> {
  throw new Error('target external is not there yet');
}
