import { ref } from 'vue'
import { t } from '../i18n'
import { Problem } from './http'

/** Asks the server, and keeps in words why it would not: what it says, or that it cannot be reached. */
export function useAttempt() {
  const trouble = ref('')

  /** True when it was done. What is no answer of the server is thrown on: it is a fault of the page. */
  async function attempt(act: () => Promise<unknown>): Promise<boolean> {
    trouble.value = ''
    try {
      await act()
      return true
    } catch (cause) {
      if (!(cause instanceof Problem)) throw cause
      trouble.value = cause.detail || t('live.unreachable')
      return false
    }
  }

  return { trouble, attempt }
}
