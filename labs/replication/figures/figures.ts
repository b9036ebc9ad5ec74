/** The lab's figures: pictures from the simulator, where what nodes hold can be seen; who answers whom, placement and outages also from real processes. */
import type { Figure, RunVerdict } from '@mqlab/reports/run-data.ts';
import { clientTitle } from '../../kit/drivers/versions.ts';
import type { FigureContext, FigureVerdict, LabFigures } from '../../kit/lab.ts';
import type { Target, TargetKind } from '../../kit/targets/target.ts';
import { CAREFUL, LOCAL_SESSION_MS, LOCAL_TIMES, QUICK_TIMES, SIM_TIMES } from '../cluster-settings.ts';
import { electionFigures, measureElections } from './elections.ts';
import { type Ending, measureOutage, type Outage, outageChart, outageFigures } from './outage.ts';
import { isSpread, measurePlacement, type Placement, placementFigures, placementTable } from './placement.ts';
import { measureQuorum } from './quorum.ts';
import { watermarkPicture } from './watermark.ts';
import { RACK_AWARE, RACKS, whoAnswers } from './who-answers.ts';

/** Kafka’s own. */
const DEFAULT_SESSION_MS = 9000;

export async function replicationFigures(context: FigureContext): Promise<LabFigures> {
  const { progress } = context;
  const verdicts: FigureVerdict[] = [];
  const decide = (claim: string, target: TargetKind, isSo: boolean, runs = 1, holds: RunVerdict = 'holds'): void => {
    verdicts.push({
      claim,
      target,
      client: clientTitle('mqlab'),
      variant: 'after',
      expected: holds,
      verdict: isSo ? holds : 'violated',
      runs,
    });
  };
  const placements: (Placement & { readonly target: string })[] = [];
  const outages: Outage[] = [];

  progress('a follower lags, a leader dies');
  const picture = await inCluster(
    context,
    'sim',
    { ...CAREFUL, ...QUICK_TIMES },
    { brokers: 3, controllers: 1 },
    (target) => watermarkPicture(target, SIM_TIMES.lag),
  );
  decide('C41', 'sim', picture.lagHolds);
  decide('C42', 'sim', picture.watermarkHolds);
  decide('C43', 'sim', picture.returnHolds);

  progress('who is elected, and where replicas are put');
  const elections = await inCluster(
    context,
    'sim',
    { ...CAREFUL, ...QUICK_TIMES, 'auto.leader.rebalance.enable': 'false' },
    { brokers: 5 },
    async (target) => {
      placements.push({ target: 'sim', ...(await measurePlacement(target, 'spread', 24)) });
      return measureElections(target);
    },
  );
  decide('C44', 'sim', elections.count > 0 && elections.asSaid === elections.count, elections.count);

  progress('who answers whom');
  const racks = { brokers: 3, racks: RACKS };
  const asked = await inCluster(context, 'sim', { ...CAREFUL, ...QUICK_TIMES, ...RACK_AWARE }, racks, whoAnswers);
  decide('C40', 'sim', asked.isSo);

  progress('controllers');
  const quorum = await inCluster(
    context,
    'sim',
    { ...CAREFUL, ...QUICK_TIMES },
    { brokers: 3, controllers: 3 },
    (target) => measureQuorum(target, SIM_TIMES.session),
  );
  decide('C47', 'sim', quorum.isSo);

  progress('outages');
  for (const ending of ['stop', 'kill', 'kill-both', 'power'] as const) {
    outages.push(await simulatedOutage(context, ending, DEFAULT_SESSION_MS));
  }
  outages.push(await simulatedOutage(context, 'kill', LOCAL_SESSION_MS));
  decide('C46', 'sim', true, outages.length, 'measured');

  const tables = { who: asked.table, quorum: quorum.table };
  if (context.targets.includes('local')) {
    progress('real processes');
    await inCluster(context, 'local', { ...CAREFUL, ...LOCAL_TIMES, ...RACK_AWARE }, racks, async (target) => {
      const real = await whoAnswers(target);
      decide('C40', 'local', real.isSo);
      placements.push({ target: 'local', ...(await measurePlacement(target, 'spread', 48)) });
      const before = outages.length;
      for (const ending of ['stop', 'kill'] as const) {
        outages.push(await measureOutage(target, `outage-${ending}`, ending, LOCAL_SESSION_MS));
      }
      decide('C46', 'local', true, outages.length - before, 'measured');
    });
  }
  for (const placement of placements) decide('C45', placement.target as TargetKind, isSpread(placement));
  const figures: Record<string, Figure> = {
    ...picture.figures,
    ...electionFigures(elections),
    ...asked.figures,
    ...quorum.figures,
    ...outageFigures(outages),
    ...placementFigures(placements, 'placements of this run'),
  };
  return {
    figures,
    charts: { ...picture.charts, outage: outageChart(outages) },
    tables: { ...tables, placement: placementTable(placements) },
    verdicts: verdicts.filter(({ target }) => context.targets.includes(target)),
  };
}

function simulatedOutage(context: FigureContext, ending: Ending, sessionMs: number): Promise<Outage> {
  const heartbeatMs = Math.min(2000, Math.floor(sessionMs / 5));
  const times = {
    'broker.session.timeout.ms': String(sessionMs),
    'broker.heartbeat.interval.ms': String(heartbeatMs),
  };
  return inCluster(context, 'sim', { ...CAREFUL, ...times }, { brokers: 3 }, (target) =>
    measureOutage(target, `outage-${ending}`, ending, sessionMs),
  );
}

async function inCluster<T>(
  context: FigureContext,
  kind: TargetKind,
  settings: Readonly<Record<string, string>>,
  shape: { readonly brokers: number; readonly controllers?: number; readonly racks?: readonly string[] },
  measure: (target: Target) => Promise<T>,
): Promise<T> {
  const target = await context.open(kind, settings, shape);
  try {
    return await target.run(() => measure(target));
  } finally {
    await target.close();
  }
}
