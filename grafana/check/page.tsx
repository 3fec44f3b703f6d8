// Draws a dashboard from answers that lie beside it (window.dashboard): its panels in their grid, with Grafana's own components.
// A pie chart has none outside of the application: a plain one stands in, with Grafana's legend, colours and texts.
import {
  applyNullInsertThreshold,
  DataFrame,
  dateTime,
  DisplayValue,
  FieldColorModeId,
  FieldDisplay,
  DisplayValueAlignmentFactors,
  getDisplayProcessor,
  getDisplayValueAlignmentFactors,
  getFieldColorModeForField,
  getFieldDisplayName,
  getFieldDisplayValues,
  PanelData,
  TimeRange,
} from '@grafana/data';
import { BarGauge, BigValue, Table, ThemeContext, TimeSeries, VizLegend, VizRepeater } from '@grafana/ui';
import { GraphDrawStyle, LineInterpolation, ScaleDistribution, VisibilityMode, VizOrientation } from '@grafana/schema';
import { ReactElement } from 'react';
import { createRoot } from 'react-dom/client';

import { Answer } from './frames';
import { Panel, prepare, theme } from './panels';

interface Drawn {
  title: string;
  from: number;
  to: number;
  panels: Array<{ panel: Panel; answers: Answer[] }>;
}

const CELL = 38;
const GAP = 8;
const WIDTH = 1600;
const TITLE = 34;

const GRAPH = {
  drawStyle: GraphDrawStyle.Line,
  lineInterpolation: LineInterpolation.Linear,
  lineWidth: 1,
  fillOpacity: 0,
  showPoints: VisibilityMode.Auto,
  pointSize: 5,
  scaleDistribution: { type: ScaleDistribution.Linear },
};

// Grafana finds the size of texts by measuring them in its own font, which is not here: what is drawn in its place must be measured.
const font = Object.getOwnPropertyDescriptor(CanvasRenderingContext2D.prototype, 'font')!;
Object.defineProperty(CanvasRenderingContext2D.prototype, 'font', {
  ...font,
  set(this: CanvasRenderingContext2D, written: string) {
    font.set!.call(this, written.replace(/'?Inter'?/, 'Inter, Helvetica, Arial, sans-serif'));
  },
});

const made: Drawn = (window as any).dashboard;
const range: TimeRange = {
  from: dateTime(made.from),
  to: dateTime(made.to),
  raw: { from: dateTime(made.from), to: dateTime(made.to) },
};

async function draw(): Promise<void> {
  const drawn: ReactElement[] = [];
  let bottom = 0;
  for (const { panel, answers } of made.panels) {
    const { x, y, w, h } = panel.gridPos;
    const place = { left: (x * WIDTH) / 24 + GAP / 2, top: 48 + y * CELL, width: (w * WIDTH) / 24 - GAP, height: h * CELL - GAP };
    bottom = Math.max(bottom, place.top + place.height);
    if (panel.type === 'row') {
      drawn.push(
        <div key={panel.id} style={{ position: 'absolute', ...place, height: 30, fontWeight: 500, fontSize: 18 }}>
          {panel.title}
        </div>
      );
      continue;
    }
    if (panel.type === 'timeseries') {
      panel.fieldConfig.defaults.custom = { ...GRAPH, ...panel.fieldConfig.defaults.custom };
    }
    const frames = await prepare(panel, answers);
    const inside = { width: place.width - 18, height: place.height - TITLE - 10 };
    drawn.push(
      <div key={panel.id} style={{ position: 'absolute', ...place, background: theme.colors.background.primary, border: '1px solid #dde', borderRadius: 2 }}>
        <div style={{ height: TITLE, padding: '6px 8px', fontWeight: 500, whiteSpace: 'nowrap', overflow: 'hidden', textOverflow: 'ellipsis' }}>{panel.title}</div>
        <div style={{ padding: '0 8px', boxSizing: 'content-box', position: 'relative', ...inside }}>{body(panel, frames, inside.width, inside.height)}</div>
      </div>
    );
  }
  document.body.style.height = `${bottom + GAP}px`;
  createRoot(document.getElementById('root')!).render(
    <ThemeContext.Provider value={theme}>
      <div style={{ position: 'absolute', left: 8, top: 8, fontSize: 22 }}>{made.title}</div>
      {drawn}
    </ThemeContext.Provider>
  );
}

function body(panel: Panel, frames: DataFrame[], width: number, height: number): ReactElement {
  if (frames.length === 0 || frames.every((frame) => frame.length === 0)) {
    return <div style={{ display: 'grid', placeItems: 'center', height, textAlign: 'center', color: '#666' }}>{panel.fieldConfig.defaults.noValue ?? 'No data'}</div>;
  }
  switch (panel.type) {
    case 'stat':
      return numbers(panel, frames, width, height, (value, w, h, count, alignmentFactors) => (
        <BigValue
          value={value}
          alignmentFactors={alignmentFactors}
          width={w}
          height={h}
          theme={theme}
          colorMode={panel.options.colorMode}
          graphMode={panel.options.graphMode}
          justifyMode={panel.options.justifyMode}
          textMode={panel.options.textMode}
          text={panel.options.text}
          count={count}
        />
      ));
    case 'bargauge': {
      // Grafana's own panel takes the largest value of all bars as the end of each.
      const longest = Math.max(...valuesOf(panel, frames).map(({ display }) => display.numeric));
      return numbers(panel, frames, width, height, (value, w, h, _, alignmentFactors) => (
        <BarGauge
          value={value}
          alignmentFactors={alignmentFactors}
          width={w}
          height={h}
          theme={theme}
          field={{ ...frames[0].fields[1].config, max: longest }}
          display={getDisplayProcessor({ field: frames[0].fields[1], theme })}
          orientation={panel.options.orientation}
          displayMode={panel.options.displayMode}
          valueDisplayMode={panel.options.valueMode}
          showUnfilled={panel.options.showUnfilled}
          itemSpacing={8}
        />
      ));
    }
    case 'piechart':
      return <Pie panel={panel} frames={frames} width={width} height={height} />;
    case 'table':
      return (
        <Table
          data={frames[0]}
          width={width}
          height={height}
          noHeader={!panel.options.showHeader}
          initialSortBy={panel.options.sortBy}
          timeRange={range}
          fieldConfig={panel.fieldConfig}
        />
      );
    case 'timeseries':
      return <TimeSeries frames={frames.map(withGaps)} timeRange={range} timeZone="utc" width={width} height={height} legend={panel.options.legend} />;
    default:
      throw new Error(`no way to draw a ${panel.type}`);
  }
}

// Grafana's own panel does so before its graph does: that one looks at the first frame alone.
function withGaps(frame: DataFrame): DataFrame {
  return applyNullInsertThreshold({ frame, refFieldPseudoMin: range.from.valueOf(), refFieldPseudoMax: range.to.valueOf() });
}

type DrawNumber = (value: DisplayValue, width: number, height: number, count: number, alignmentFactors?: DisplayValueAlignmentFactors) => ReactElement;

function valuesOf(panel: Panel, data: DataFrame[]): FieldDisplay[] {
  const { fieldConfig, options } = panel;
  return getFieldDisplayValues({ fieldConfig, reduceOptions: options.reduceOptions, replaceVariables: (text) => text, theme, data, timeZone: 'utc' });
}

function numbers(panel: Panel, frames: DataFrame[], width: number, height: number, one: DrawNumber): ReactElement {
  return (
    <VizRepeater
      source={{} as PanelData}
      getValues={() => valuesOf(panel, frames)}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, width: w, height: h, count, alignmentFactors }) => one(value.display, w, h, count, alignmentFactors)}
      renderCounter={0}
      width={width}
      height={height}
      orientation={panel.options.orientation ?? VizOrientation.Auto}
      itemSpacing={panel.type === 'bargauge' ? 8 : 3}
      minVizWidth={panel.options.minVizWidth ?? 8}
      minVizHeight={panel.options.minVizHeight ?? (panel.type === 'bargauge' ? 16 : 10)}
      maxVizHeight={panel.options.maxVizHeight ?? 300}
    />
  );
}

function Pie({ panel, frames, width, height }: { panel: Panel; frames: DataFrame[]; width: number; height: number }): ReactElement {
  const all = frames.map((frame, place) => {
    const field = frame.fields[1];
    const palette = { ...field, config: { ...field.config, color: { mode: FieldColorModeId.PaletteClassic } }, state: { seriesIndex: place } };
    return { name: getFieldDisplayName(field, frame, frames), value: field.values[0], field, color: getFieldColorModeForField(palette).getCalculator(palette, theme)(0, 0) };
  });
  const total = all.reduce((sum, { value }) => sum + value, 0);
  let reached = 0;
  const slices = all.map(({ color, value }) => {
    const [from, to] = [reached, (reached += value / total)];
    return <path key={color} fill="none" stroke={color} strokeWidth={20} d={arc(from, to)} />;
  });
  const items = all.map(({ name, color, value, field }) => ({
    label: name,
    color,
    yAxis: 1,
    getDisplayValues: () => [
      { ...field.display!(value), title: 'Value' },
      { numeric: (100 * value) / total, text: `${Math.round((100 * value) / total)}`, suffix: '%', title: 'Percent' },
    ],
  }));
  const side = Math.min(height, width / 2);
  return (
    <div style={{ display: 'flex', height }}>
      <svg viewBox="0 0 100 100" style={{ width: side, height: side }}>
        {slices}
      </svg>
      <div style={{ flex: 1, minWidth: 0, overflow: 'auto' }}>
        <VizLegend items={items} placement={panel.options.legend.placement} displayMode={panel.options.legend.displayMode} />
      </div>
    </div>
  );
}

function arc(from: number, to: number): string {
  const point = (part: number) => `${50 + 36 * Math.sin(2 * Math.PI * part)} ${50 - 36 * Math.cos(2 * Math.PI * part)}`;
  return `M ${point(from)} A 36 36 0 ${to - from > 0.5 ? 1 : 0} 1 ${point(Math.min(to, from + 0.9999))}`;
}

draw().catch((error: Error) => {
  document.body.textContent = `${error.stack}`;
});
