import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import type { Plugin } from 'vite'

const text = /\.(html|js|mjs|css|svg|json|map)$/

/**
 * Writes .gz and .br beside every text file of the build, so that the server never compresses at run time.
 * A file that would not shrink by a tenth gets none. Fonts (woff2) are compressed already.
 */
export function compress(dir: string): Plugin {
  return {
    name: 'gridwall-compress',
    apply: 'build',
    async closeBundle() {
      for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !text.test(entry.name)) continue
        const path = join(entry.parentPath, entry.name)
        const plain = await readFile(path)
        const brotli = brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } })
        if (brotli.length > plain.length * 0.9) continue
        await writeFile(`${path}.br`, brotli)
        await writeFile(`${path}.gz`, gzipSync(plain, { level: 9 }))
      }
    },
  }
}
