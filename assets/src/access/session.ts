import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import { request } from './http'

export interface Account {
  username: string
  name: string
  role: string
  department: string | null
  grid: string | null
  rights: string[]
  /** The role asks for a second factor that is missing: nothing else is permitted. */
  factor_missing: boolean
}

/** Who sits here. */
export const useSession = defineStore('session', () => {
  const account = shallowRef<Account | null>(null)

  async function load(): Promise<void> {
    const answer = await request<{ account: Account }>('/api/v1/session')
    account.value = answer.account
    if (answer.account.factor_missing && location.pathname !== '/account') location.assign('/account')
  }

  const may = (right: string) => account.value?.rights.includes(right) ?? false

  async function end(): Promise<void> {
    await request('/api/v1/session', { method: 'DELETE' })
    toLogin()
  }

  return { account, load, may, end }
})

/** To the login, and back here after it. */
export function toLogin(): void {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`)
}
