import type { Named } from '../i18n'

/** Who answers for each class of the list in each grid. */
export interface Coverage {
  grids: { code: string; name: string }[]
  coverage: {
    departments: string[]
    /** For each grid the place in departments, -1: nobody; own: the grids with a rule of their own; all: where none says otherwise. */
    rows: { class: string; cells: number[]; own: number[]; all: string }[]
    cells: number
    empty: number
  }
}

export interface ImportReport {
  file: string
  read: number
  written: number
  refused: number
  refusals: { line: number; key?: string; reason: { zh: string; en: string } }[]
  dry_run: boolean
}

export interface Bridge {
  from: string
  to: string
  unmapped: number
  classes: { code: string; name: Named; to?: string; same?: string }[]
}
