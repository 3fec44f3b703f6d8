// Data frames from answers of Prometheus, as Grafana's Prometheus data source makes them: promlib's converter, then `transformDFToTable` of
// @grafana/prometheus (result_transformer.ts), which gives the fields of a table. That package itself wants a whole Grafana around it.
import { DataFrame, Field, FieldType } from '@grafana/data';

/** An item of `data.result` of /api/v1/query or /api/v1/query_range: an instant vector or a matrix. */
export interface Series {
  metric: Record<string, string>;
  value?: [number, string];
  values?: Array<[number, string]>;
}

export interface Answer {
  refId: string;
  table: boolean;
  legend: string;
  /** Seconds; 0 for an instant query. */
  step: number;
  series: Series[];
}

/** The frames of one panel, from the answers to its queries in their order. */
export function framesOf(answers: Answer[]): DataFrame[] {
  const tables = answers.filter((answer) => answer.table);
  return answers.flatMap((answer) => (answer.table ? [tableFrame(answer, tables.length > 1)] : answer.series.map((series) => seriesFrame(answer, series))));
}

function tableFrame({ refId, series }: Answer, several: boolean): DataFrame {
  const labels = new Set(series.flatMap(({ metric }) => Object.keys(metric).sort()));
  const fields: Field[] = [
    { name: 'Time', type: FieldType.time, config: {}, values: series.map(({ value }) => value![0] * 1000) },
    ...[...labels].map((label) => ({
      name: label,
      type: FieldType.string,
      config: { filterable: true },
      values: series.map(({ metric }) => metric[label] ?? ''),
    })),
    { name: several ? `Value #${refId}` : 'Value', type: FieldType.number, config: {}, values: series.map(({ value }) => numberOf(value![1])) },
  ];
  return { refId, fields, length: series.length };
}

function seriesFrame({ refId, legend, step }: Answer, { metric, value, values }: Series): DataFrame {
  const points = values ?? [value!];
  const name = legend === '' ? plainName(metric) : legend.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label: string) => metric[label] ?? '');
  return {
    refId,
    name,
    meta: {},
    length: points.length,
    fields: [
      { name: 'Time', type: FieldType.time, config: step > 0 ? { interval: step * 1000 } : {}, values: points.map(([at]) => at * 1000) },
      { name: 'Value', type: FieldType.number, labels: metric, config: { displayNameFromDS: name }, values: points.map(([, text]) => numberOf(text)) },
    ],
  };
}

function plainName(metric: Record<string, string>): string {
  const { __name__: name = '', ...labels } = metric;
  const written = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
  return written.length === 0 && name !== '' ? name : `${name}{${written.join(', ')}}`;
}

function numberOf(text: string): number {
  return /^[+-]?Inf$/.test(text) ? (text.startsWith('-') ? -Infinity : Infinity) : parseFloat(text);
}
