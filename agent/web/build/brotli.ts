// Writes `<file>.br` beside each text asset, so that the engine compresses nothing while it serves,
// and fails the build when the page's scripts outgrow their budget.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';
import type { Plugin } from 'vite';

const TEXT = new Set(['.js', '.css', '.svg', '.json']);

/** Bytes of brotli that all scripts together may take: a viewer on a phone pays for them before the first frame. */
const SCRIPT_BUDGET = 250_000;

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
      const scripts = names.reduce((sum, name, at) => sum + (extname(name) === '.js' ? (sizes[at] ?? 0) : 0), 0);
      this.info(`scripts: ${scripts} bytes of brotli, budget ${SCRIPT_BUDGET}`);
      if (scripts > SCRIPT_BUDGET) this.error('the scripts of the page are over their budget');
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
