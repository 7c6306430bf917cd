import { shallowRef, type ShallowRef } from 'vue'
import { request } from '../access/http'
import type { Choice } from '../design/choice'

let asked: ShallowRef<Choice[]> | undefined

/** Who can be dispatched to; asked once a page. */
export function useDepartments(): ShallowRef<Choice[]> {
  if (asked !== undefined) return asked
  const departments = shallowRef<Choice[]>([])
  asked = departments
  request<{ departments: { code: string; name: string }[] }>('/api/v1/departments')
    .then((answer) => {
      departments.value = answer.departments.map(({ code, name }) => ({ value: code, name, hint: code }))
    })
    .catch(() => {
      asked = undefined // asked again by the next form
    })
  return departments
}
