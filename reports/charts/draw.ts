/** One chart specification to one SVG file. `id` must be unique among the charts of a page; it names clip paths. */
import type { ChartSpec } from '../chart-spec.ts';
import type { Witness } from '../run-data.ts';
import { drawBar } from './bar-chart.ts';
import { drawHeatMap } from './heat-map.ts';
import { drawLine, drawScatter } from './point-charts.ts';
import { drawGantt, drawLanes } from './row-charts.ts';
import { drawTimeline } from './timeline.ts';

export function drawChart(id: string, chart: ChartSpec): string {
  switch (chart.type) {
    case 'line':
      return drawLine(id, chart);
    case 'scatter':
      return drawScatter(id, chart);
    case 'bar':
      return drawBar(id, chart);
    case 'heatmap':
      return drawHeatMap(id, chart);
    case 'gantt':
      return drawGantt(chart);
    case 'lanes':
      return drawLanes(chart);
    case 'timeline':
      return drawTimeline(chart);
    default:
      return chart satisfies never;
  }
}

/** The timeline of a counterexample. */
export function drawWitness(id: string, witness: Witness): string {
  return drawChart(id, {
    type: 'timeline',
    title: `${witness.claim}: ${witness.title}`,
    source: `${witness.target} target, ${witness.client}, seed ${witness.seed}`,
    processes: witness.processes,
    events: witness.events,
  });
}
