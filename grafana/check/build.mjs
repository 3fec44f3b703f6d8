// Bundles what runs in node and what runs in a browser into `made`. Usage: node build.mjs tables|page
import { build } from 'esbuild';

// @grafana/data looks at the browser's window, its storage and its language.
const WINDOW = `globalThis.navigator ??= { language: 'en-US', languages: ['en-US'] };
const memory = { getItem: () => null, setItem() {}, removeItem() {} };
globalThis.window ??= Object.assign(globalThis, { addEventListener() {}, localStorage: memory, sessionStorage: memory, location: { href: 'http://localhost/', search: '' } });`;

// The ES modules of @grafana/ui 12.0.2 miss names that its own index exports; the CommonJS build is whole. One copy of @grafana/data for all.
const CJS = Object.fromEntries(['ui', 'data', 'schema'].map((name) => [`@grafana/${name}`, `./node_modules/@grafana/${name}/dist/cjs/index.cjs`]));

const what = {
  tables: { entryPoints: ['tables.ts'], outfile: 'made/tables.mjs', platform: 'node', format: 'esm', banner: { js: WINDOW } },
  page: { entryPoints: ['page.tsx'], outfile: 'made/page.js', platform: 'browser', format: 'iife', jsx: 'automatic', loader: { '.svg': 'dataurl', '.ttf': 'empty', '.css': 'empty' }, alias: CJS },
};
await build({ absWorkingDir: import.meta.dirname, bundle: true, logLevel: 'warning', define: { 'process.env.NODE_ENV': '"production"' }, ...what[process.argv[2]] });
