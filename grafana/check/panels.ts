// A panel with its data as Grafana prepares it before anything is drawn: transformations, then the field config with its overrides.
import {
  applyFieldOverrides,
  createTheme,
  DataFrame,
  FieldConfigSource,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';

import { Answer, framesOf } from './frames';
import { fieldOptions } from './options';

export interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  fieldConfig: FieldConfigSource;
  options: Record<string, any>;
  transformations?: Array<{ id: string; options: object }>;
}

export const theme = createTheme({ colors: { mode: 'light' } });

standardTransformersRegistry.setInit(() =>
  [standardTransformers.mergeTransformer, standardTransformers.organizeFieldsTransformer].map((transformation) => ({
    id: transformation.id,
    name: transformation.name,
    transformation,
    editor: () => null,
  }))
);

/** Throws for a transformation that is not registered above. */
export async function prepare(panel: Panel, answers: Answer[]): Promise<DataFrame[]> {
  const data = await lastValueFrom(transformDataFrame(panel.transformations ?? [], framesOf(answers)));
  return applyFieldOverrides({
    data,
    fieldConfig: panel.fieldConfig,
    fieldConfigRegistry: fieldOptions(panel.fieldConfig),
    replaceVariables: (text) => text,
    theme,
    timeZone: 'utc',
  });
}
