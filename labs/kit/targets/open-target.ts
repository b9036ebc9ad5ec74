/** Opens a target by its kind. Each kind's code is loaded only when it is used. */
import type { Target, TargetKind, TargetSettings } from './target.ts';

export async function openTarget(kind: TargetKind, settings: TargetSettings): Promise<Target> {
  switch (kind) {
    case 'sim': {
      const { openSimTarget } = await import('./sim-target.ts');
      return openSimTarget(settings);
    }
    case 'local': {
      const { openLocalTarget } = await import('./local-target.ts');
      return openLocalTarget(settings);
    }
    case 'external': {
      const { openExternalTarget } = await import('./external-target.ts');
      return openExternalTarget(settings);
    }
  }
}
