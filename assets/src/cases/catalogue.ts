import { computed, shallowRef, type ComputedRef, type ShallowRef } from 'vue'
import { request } from '../access/http'
import type { Choice } from '../design/choice'
import { known, named, type Named } from '../i18n'
import type { Priority } from './types'

export interface CaseClass {
  code: string
  kind: 'part' | 'matter'
  major: { code: string; name: Named | string }
  name: Named
  priority: Priority
  conditions: { condition: string; name: Named; limit: string }[]
}

const classes = shallowRef<CaseClass[]>([])
let asked: Promise<void> | undefined

/** The list of parts and matters; asked once a page. */
export function useCatalogue(): { classes: ShallowRef<CaseClass[]>; choices: ComputedRef<Choice[]> } {
  asked ??= request<{ classes: CaseClass[] }>('/api/v1/catalogue').then(
    (answer) => {
      classes.value = answer.classes
    },
    () => {
      asked = undefined // asked again by the next form
    },
  )
  return { classes, choices }
}

const choices = computed(() =>
  classes.value.map(({ code, name, major }) => ({
    value: code,
    name: named(name),
    hint: `${typeof major.name === 'string' ? major.name : named(major.name)} ${code}`,
  })),
)

/** “4 working hours” in the words of the page. */
export function limitWords(limit: string): string {
  const [n = '', ...unit] = limit.split(' ')
  return `${n} ${known(`limits.${unit.join('_')}`, unit.join(' '))}`
}
