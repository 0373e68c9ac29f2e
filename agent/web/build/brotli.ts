// Writes `<file>.br` beside each text asset, so that the engine compresses nothing while it serves,
// and fails the build when the page's scripts outgrow their budget.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';
import type { Plugin } from 'vite';

const TEXT = new Set(['.js', '.css', '.svg', '.json']);

/** Bytes of brotli that all scripts of the viewers' page may take: a viewer on a phone pays for them. */
const SCRIPT_BUDGET = 250_000;

/** Where the viewers' page begins in Vite's manifest, and what of it no viewer ever fetches. */
const START = 'src/main.ts';
const APART = /^src\/(?:admin|moderate|stage)\//;

interface Chunk {
  file: string;
  imports?: string[];
  dynamicImports?: string[];
}

/** The scripts that a viewer may come to fetch, as the manifest names them. */
export function viewersScripts(manifest: Record<string, Chunk>): string[] {
  const seen = new Set<string>();
  const visit = (key: string): void => {
    const chunk = manifest[key];
    if (chunk === undefined || APART.test(key) || seen.has(key)) return;
    seen.add(key);
    for (const next of [...(chunk.imports ?? []), ...(chunk.dynamicImports ?? [])]) visit(next);
  };
  visit(START);
  return [...seen].map((key) => basename(manifest[key]?.file ?? '')).filter((file) => extname(file) === '.js');
}

const compress = promisify(brotliCompress);

export function brotli(): Plugin {
  let folder = '';
  return {
    name: 'nixcast-brotli',
    apply: 'build',
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir, config.build.assetsDir);
    },
    async closeBundle() {
      const names = (await readdir(folder)).filter((name) => TEXT.has(extname(name)));
      const sizes = await Promise.all(names.map((name) => write(join(folder, name))));
      const manifest = JSON.parse(await readFile(join(folder, '../.vite/manifest.json'), 'utf8')) as Record<string, Chunk>;
      const scripts = viewersScripts(manifest).reduce((sum, name) => sum + (sizes[names.indexOf(name)] ?? 0), 0);
      this.info(`scripts: ${scripts} bytes of brotli, budget ${SCRIPT_BUDGET}`);
      if (scripts > SCRIPT_BUDGET) this.error('the scripts of the viewers\' page are over their budget');
    },
  };
}

async function write(path: string): Promise<number> {
  const plain = await readFile(path);
  const packed = await compress(plain, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length },
  });
  await writeFile(`${path}.br`, packed);
  return packed.length;
}
