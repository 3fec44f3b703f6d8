// The field options that Grafana knows, as far as dashboards set them: @grafana/data applies only what is registered. The application registers them itself.
import { FieldConfigOptionsRegistry, FieldConfigSource, FieldType, identityOverrideProcessor, numberOverrideProcessor, Registry } from '@grafana/data';

const OF_NUMBERS = new Set(['min', 'max', 'decimals', 'thresholds', 'color']);
const STANDARD = ['unit', 'min', 'max', 'decimals', 'noValue', 'displayName', 'color', 'thresholds', 'mappings', 'links', 'filterable'];

/** The standard options, and the custom ones that a panel names. */
export function fieldOptions(config?: FieldConfigSource): FieldConfigOptionsRegistry {
  const overridden = (config?.overrides ?? []).flatMap(({ properties }) => properties.map(({ id }) => id));
  const custom = new Set([
    ...Object.keys(config?.defaults.custom ?? {}),
    ...overridden.filter((id) => id.startsWith('custom.')).map((id) => id.slice('custom.'.length)),
  ]);
  const registry: FieldConfigOptionsRegistry = new Registry();
  for (const id of STANDARD) {
    registry.register(option(id, id, false));
  }
  for (const path of custom) {
    registry.register(option(`custom.${path}`, path, true));
  }
  const unknown = overridden.filter((id) => !registry.getIfExists(id));
  if (unknown.length > 0) {
    throw new Error(`options that Grafana does not know are overridden: ${unknown.join(', ')}`);
  }
  return registry;
}

function option(id: string, path: string, isCustom: boolean) {
  return {
    id,
    path,
    isCustom,
    name: id,
    description: '',
    settings: {},
    process: ['min', 'max', 'decimals'].includes(id) ? numberOverrideProcessor : identityOverrideProcessor,
    shouldApply: (field: { type: FieldType }) => !OF_NUMBERS.has(id) || field.type === FieldType.number,
    editor: () => null,
    override: () => null,
  } as any;
}
