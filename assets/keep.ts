import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Plugin } from 'vite'

/** Puts dist/.gitkeep back after Vite has emptied the folder: without it a bare clone does not compile. */
export function keep(dir: string): Plugin {
  return {
    name: 'gridwall-keep',
    apply: 'build',
    async closeBundle() {
      await writeFile(join(dir, '.gitkeep'), '')
    },
  }
}
