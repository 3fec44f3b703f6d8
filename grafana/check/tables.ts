// Reads [{panel, answers}, …] and writes, for each, what its table shows: the columns in order with their titles, and the texts of the cells of each row.
import { readFileSync } from 'node:fs';

import { FieldType, formattedValueToString, getFieldDisplayName } from '@grafana/data';

import { Answer } from './frames';
import { Panel, prepare } from './panels';

const asked: Array<{ panel: Panel; answers: Answer[] }> = JSON.parse(readFileSync(0, 'utf-8'));
const shown = [];
for (const { panel, answers } of asked) {
  const frames = await prepare(panel, answers);
  shown.push(
    frames.map((frame) => ({
      columns: frame.fields.map((field) => ({ title: getFieldDisplayName(field, frame, frames), number: field.type === FieldType.number, unit: field.config.unit })),
      values: rowsOf(frame.length, (row) => frame.fields.map((field) => field.values[row] ?? null)),
      texts: rowsOf(frame.length, (row) => frame.fields.map((field) => formattedValueToString(field.display!(field.values[row])))),
    }))
  );
}
process.stdout.write(JSON.stringify(shown));

function rowsOf<T>(length: number, row: (place: number) => T): T[] {
  return Array.from({ length }, (_, place) => row(place));
}
