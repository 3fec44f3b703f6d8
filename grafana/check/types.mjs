// Writes a module in which every dashboard claims to be a Dashboard of @grafana/schema, and has the TypeScript compiler judge it. Prints what it finds.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import ts from 'typescript';

const folder = process.argv[2] ?? join(import.meta.dirname, '../dashboards');
const made = join(import.meta.dirname, 'made');
mkdirSync(made, { recursive: true });

// In JSON an enum is its value: a plain type has values where the schema has enums.
const head = `import type { Dashboard } from '@grafana/schema';
type Plain<T> = T extends string ? \`\${T}\` : T extends number | boolean | null | undefined ? T
  : T extends Array<infer U> ? Array<Plain<U>> : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
`;
const files = readdirSync(folder).filter((name) => name.endsWith('.json')).sort();
const claims = files.map((name, place) => `// ${name}\nexport const d${place}: Plain<Dashboard> = ${readFileSync(join(folder, name), 'utf-8')};`);
const path = join(made, 'types.ts');
writeFileSync(path, [head, ...claims].join('\n'));

const program = ts.createProgram([path], {
  noEmit: true,
  strict: true,
  skipLibCheck: true,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  target: ts.ScriptTarget.ES2022,
  types: [],
});
const found = ts.getPreEmitDiagnostics(program).map((one) => {
  const line = one.file && one.start !== undefined ? one.file.getLineAndCharacterOfPosition(one.start).line + 1 : 0;
  return `${line}: ${ts.flattenDiagnosticMessageText(one.messageText, '\n')}`;
});
console.log(JSON.stringify({ dashboards: files, found }));
