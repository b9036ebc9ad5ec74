/** The lab's pictures: the knee of latency against load, and what the number of brokers hangs on. */
import type { ChartSpec, LineChart, LineSeries } from '@mqlab/reports/chart-spec.ts';
import type { CapacityInputs } from './inputs.ts';
import { NOTES_INPUTS } from './inputs.ts';
import type { CapacityMeasured } from './measure.ts';
import { type Figures, sizeTag } from './measured-figures.ts';
import { notesFormula } from './notes-formula.ts';
import { brokersOf } from './plan.ts';

export function chartsOf(taken: CapacityMeasured, figures: Readonly<Figures>): Record<string, ChartSpec> {
  const charts: Record<string, ChartSpec> = {};
  for (const size of taken.sizes)
    charts[`knee-${sizeTag(size.recordBytes)}`] = kneeChart(size, figures, taken.isExternal);
  charts['sensitivity-peak'] = peakChart(figures);
  charts['sensitivity-size'] = sizeChart(figures);
  return charts;
}

function kneeChart(
  size: CapacityMeasured['sizes'][number],
  figures: Readonly<Figures>,
  isExternal: boolean,
): LineChart {
  const tag = sizeTag(size.recordBytes);
  const points = size.open.flatMap(({ result }) => {
    const offered = result.workload.recordsPerSecond as number;
    return result.latency === null ? [] : [{ x: (offered * size.recordBytes) / 1e6, latency: result.latency }];
  });
  const series = (name: string, of: (latency: (typeof points)[number]['latency']) => number): LineSeries => ({
    name,
    points: points.map(({ x, latency }) => [x, Math.max(0.001, of(latency))] as const),
  });
  const ceiling = figures[`ceiling-${tag}`]!.value / 1e6;
  const maximum = figures[`max-${tag}`]!.value / 1e6;
  return {
    type: 'line',
    title: `Latency against offered load, records of ${size.recordBytes} B`,
    caption:
      "From the due moment to the acknowledgement. Where the curves turn up is the knee: what lies right of it is a queue that grows. The generator's ceiling is what it reaches against a broker that keeps nothing.",
    source: `measured, ${isExternal ? 'a cluster that was given' : 'local, one broker'}, acks=all, one partition, open loop; the marks in a closed loop`,
    x: {
      name: 'offered load',
      unit: 'MB/s',
      min: 0,
      max: Math.ceil(Math.max(ceiling, maximum, ...points.map(({ x }) => x)) * 1.08),
    },
    y: { name: 'latency', unit: 'ms', scale: 'log' },
    series: [
      series('p50', (latency) => latency.p50Ms),
      series('p99', (latency) => latency.p99Ms),
      series('p99.9', (latency) => latency.p999Ms),
      series('max', (latency) => latency.maxMs),
    ],
    marks: [
      { at: maximum, label: "broker's maximum", tone: 'warn' },
      { at: ceiling, label: "generator's ceiling", tone: 'neutral' },
    ],
  };
}

/** Evenly spread on a logarithmic axis. */
const PEAK_FACTORS = Array.from({ length: 28 }, (_, i) => Number((10 ** (i / 10)).toPrecision(3)));
const RECORD_SIZES = Array.from({ length: 24 }, (_, i) => Math.round(50 * 10 ** (i / 7)));

function brokersLine(
  name: string,
  xs: readonly number[],
  inputs: (x: number) => CapacityInputs,
  brokers: (inputs: CapacityInputs) => number,
  line: LineSeries['line'] = 'solid',
): LineSeries {
  return { name, line, points: xs.map((x) => [x, brokers(inputs(x))] as const) };
}

function peakChart(figures: Readonly<Figures>): LineChart {
  const planned = (inputs: CapacityInputs): number => brokersOf(inputs, figures).count;
  return {
    type: 'line',
    title: 'Brokers needed against the peak factor',
    caption:
      'The plan is flat while the loss of a broker decides and climbs where throughput does. The dashed line is the formula of the notes, not rounded.',
    source: 'derived from the measured throughput of one broker; the other inputs as in the notes',
    x: { name: 'peak over average', unit: '', scale: 'log' },
    y: { name: 'brokers', unit: '', scale: 'log', min: 1 },
    series: [
      ...[1, 2, 3].map((replicas) =>
        brokersLine(
          `plan, ${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`,
          PEAK_FACTORS,
          (peakFactor) => ({ ...NOTES_INPUTS, peakFactor, replicas }),
          planned,
        ),
      ),
      brokersLine(
        'notes, 2 replicas',
        PEAK_FACTORS,
        (peakFactor) => ({ ...NOTES_INPUTS, peakFactor }),
        (inputs) => notesFormula(inputs).brokers,
        'dashed',
      ),
    ],
  };
}

function sizeChart(figures: Readonly<Figures>): LineChart {
  return {
    type: 'line',
    title: 'Brokers needed against the size of a record',
    caption:
      'The number of messages stays the same. Between and beyond the measured sizes the time for a record is a straight line through them.',
    source: 'derived from the measured throughput of one broker; the other inputs as in the notes',
    x: { name: 'record', unit: 'B', scale: 'log' },
    y: { name: 'brokers', unit: '', scale: 'log', min: 1 },
    series: [
      ...[0.3, 0.6, 0.9].map((targetUtilization) =>
        brokersLine(
          `plan, busy to ${targetUtilization * 100} %`,
          RECORD_SIZES,
          (recordBytes) => ({ ...NOTES_INPUTS, recordBytes, targetUtilization }),
          (inputs) => brokersOf(inputs, figures).count,
        ),
      ),
      brokersLine(
        'notes',
        RECORD_SIZES,
        (recordBytes) => ({ ...NOTES_INPUTS, recordBytes }),
        (inputs) => notesFormula(inputs).brokers,
        'dashed',
      ),
    ],
  };
}
